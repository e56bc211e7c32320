"""HTTP to a sign-in provider: a total deadline, bounded answers, no redirects; every failure is `Unavailable`."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from services.auth.domain.oauth_app import Provider
from services.auth.domain.oauth_errors import unavailable

_LARGEST_ANSWER = 1024 * 1024
_ENCODINGS = "identity"  # a small answer needs no compression, and a bomb is one


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> dict[str, Any]:
        """Raises `ValueError` where it is no JSON object."""
        found = json.loads(self.text)
        if not isinstance(found, dict):
            raise ValueError("the answer is JSON, but no object")  # noqa: TRY004 - the same to the caller as no JSON
        return found


class ProviderHttp:
    def __init__(self, provider: Provider, *, ca_file: str | None = None, seconds: float = 30.0) -> None:
        """`seconds`: for one whole request. Long: an answer that is not waited for may hold the only new token."""
        self._provider = provider
        self._seconds = seconds
        verify = ssl.create_default_context()
        if ca_file is not None:
            verify.load_verify_locations(ca_file)
        self._client = httpx.AsyncClient(
            verify=verify,
            timeout=httpx.Timeout(seconds, connect=min(10.0, seconds)),
            headers={"Accept": "application/json", "Accept-Encoding": _ENCODINGS},
            trust_env=True,
        )

    async def get(
        self, url: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        return await self._ask("GET", url, params=params, headers=headers)

    async def post(
        self, url: str, form: Mapping[str, str], *, params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        return await self._ask("POST", url, form=form, params=params, headers=headers)

    async def get_json(self, url: str) -> dict[str, Any]:
        answer = await self.get(url)
        if answer.status != 200:
            raise unavailable(self._provider, f"{answer.status} from {url}")
        try:
            return answer.json()
        except ValueError:
            raise unavailable(self._provider, f"no JSON from {url}") from None

    async def close(self) -> None:
        await self._client.aclose()

    async def _ask(
        self,
        method: str,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._client.stream(method, url, data=form, params=params, headers=headers) as answer,
            ):
                body = b""
                async for piece in answer.aiter_bytes():
                    body += piece
                    if len(body) > _LARGEST_ANSWER:
                        raise unavailable(self._provider, f"an endless answer from {url}")
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
            # The request itself is not in these words: it holds secrets.
            raise unavailable(self._provider, f"{type(error).__name__} at {httpx.URL(url).host}") from error
        return Answer(answer.status_code, answer.headers, body.decode("utf-8", "replace"))
