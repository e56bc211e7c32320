"""The HTTP faces as the commands use them: JSON in and out, problems as errors with their remedy."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

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

    def get(self, service: str, path: str, **query: Any) -> Any:
        return self._ask("GET", service, path, params={name: value for name, value in query.items() if value})

    def post(self, service: str, path: str, body: Any = None) -> Any:
        return self._ask("POST", service, path, json=body)

    def delete(self, service: str, path: str) -> Any:
        return self._ask("DELETE", service, path)

    def pages(self, service: str, path: str, limit: int, **query: Any) -> Iterator[dict[str, Any]]:
        """The first `limit` items of a list, however many pages they take."""
        cursor = None
        while limit > 0:
            page = self.get(service, path, cursor=cursor, limit=min(limit, 200), **query)
            yield from page["items"][:limit]
            limit -= len(page["items"])
            cursor = page.get("next")
            if cursor is None:
                return

    def health(self, service: str, path: str = "/ready") -> tuple[int, dict[str, Any]]:
        """(0, {}) where it does not answer."""
        try:
            answer = self._http.get(self._target.urls[service] + path, timeout=5)
            return answer.status_code, answer.json()
        except (httpx.HTTPError, ValueError):
            return 0, {}

    def _ask(self, method: str, service: str, path: str, **more: Any) -> Any:
        url = self._target.urls[service]
        try:
            answer = self._http.request(method, url + path, **more)
        except httpx.HTTPError as error:
            raise CannotGoOn(
                f"{service} does not answer at {url} ({type(error).__name__}).",
                remedy="See what is wrong with `replywire doctor`.",
                status=AWAY,
            ) from None
        if answer.is_success:
            return answer.json() if answer.content else None
        raise _problem(service, answer)


def _problem(service: str, answer: httpx.Response) -> CannotGoOn:
    try:
        told = answer.json()
    except ValueError:
        told = {}
    text = told.get("detail") or told.get("title") or f"{service} answered {answer.status_code}."
    if told.get("field"):
        text = f"{told['field']}: {text}"
    words = told.get("words")
    if words:
        text = f"{text} The server said: {words}"
    if answer.status_code >= 500 and told.get("request_id"):
        text = f"{text} (request {told['request_id']} in the log of {service})"
    return CannotGoOn(
        text,
        remedy=told.get("remedy", ""),
        code=told.get("code", ""),
        status=AWAY if answer.status_code == 503 else REFUSED,
    )
