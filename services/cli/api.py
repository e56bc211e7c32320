"""The API as the commands use it: JSON in and out, problems as errors with their remedy."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from services.cli.errors import AWAY, REFUSED, CannotGoOn
from services.cli.target import Target

_SECONDS = 120.0
"""Connecting a mailbox proves two logins at servers that may be slow."""


class Api:
    def __init__(self, target: Target, seconds: float = _SECONDS) -> None:
        self._target = target
        self._http = httpx.Client(headers={"Authorization": f"Bearer {target.api_key}"}, timeout=seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        return self._ask("GET", path, params={name: value for name, value in query.items() if value})

    def post(self, path: str, body: Any = None) -> Any:
        return self._ask("POST", path, json=body)

    def delete(self, path: str) -> Any:
        return self._ask("DELETE", path)

    def pages(self, path: str, limit: int, **query: Any) -> Iterator[dict[str, Any]]:
        """The first `limit` items of a list, however many pages they take."""
        cursor = None
        while limit > 0:
            page = self.get(path, cursor=cursor, limit=min(limit, 200), **query)
            yield from page["items"][:limit]
            limit -= len(page["items"])
            cursor = page.get("next")
            if cursor is None:
                return

    def alive(self) -> bool:
        """Whether the front door answers."""
        try:
            return self._http.get(f"{self._target.url}/live", timeout=5).is_success
        except httpx.HTTPError:
            return False

    def health(self, service: str) -> tuple[int, dict[str, Any]]:
        """What one service says of itself. (0, {}) where it does not answer."""
        try:
            answer = self._http.get(f"{self._target.url}/health/{service}", timeout=5)
            told = answer.json()
        except (httpx.HTTPError, ValueError):
            return 0, {}
        away = told.get("code") in ("unavailable", "no_answer", "broken_off")  # the door's words, not the service's
        return (0, {}) if away else (answer.status_code, told)

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        url = self._target.url
        try:
            answer = self._http.request(method, url + path, **more)
        except httpx.HTTPError as error:
            raise CannotGoOn(
                f"Replywire does not answer at {url} ({type(error).__name__}).",
                remedy="See what is wrong with `replywire doctor`.",
                status=AWAY,
            ) from None
        if answer.is_success:
            return answer.json() if answer.content else None
        raise _problem(answer)


def in_path(text: str) -> str:
    """Ids are whatever their maker chose. `.` and `..` would be taken for steps in the path, however they are written:
    no API can be asked for them. Raises `CannotGoOn`."""
    if text in ("", ".", ".."):
        raise CannotGoOn(
            f"{text!r} cannot be asked for by itself.", remedy="Look for it in the list.", code="not_found"
        )
    return quote(text, safe="")


def _problem(answer: httpx.Response) -> CannotGoOn:
    try:
        told = answer.json()
    except ValueError:
        told = {}
    text = told.get("detail") or told.get("title") or f"It answered {answer.status_code}."
    if told.get("field") and not text.startswith(told["field"]):
        text = f"{told['field']}: {text}"
    words = told.get("server_words")
    if words:
        text = f"{text} The server said: {words}"
    if answer.status_code >= 500 and told.get("request_id"):
        text = f"{text} (request {told['request_id']} in the log)"
    return CannotGoOn(
        text,
        remedy=told.get("remedy", ""),
        code=told.get("code", ""),
        status=AWAY if answer.status_code in (502, 503, 504) else REFUSED,
    )
