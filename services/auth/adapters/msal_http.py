"""The HTTP client that msal, which is synchronous, is given: its threads wait while our event loop does the asking.

So msal's requests have the same pool, deadline and bounds as all others. Discovery documents are kept for an hour: msal
asks for one each time that it is set up, which is for each token."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from services.auth.adapters.provider_http import Answer, ProviderHttp

_DISCOVERY = "/.well-known/openid-configuration"
_KEPT_FOR = 3600.0
_MOST_KEPT = 1000
_THREADS = 64
T = TypeVar("T")
Made = TypeVar("Made", covariant=True)


class Work(Protocol[Made]):
    def __call__(self, http: BlockingHttp) -> Made: ...


class MsalHttp:
    def __init__(self, http: ProviderHttp) -> None:
        self._http = http
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="msal")
        self._kept: dict[str, tuple[float, Answer]] = {}

    async def run(self, work: Work[T]) -> T:
        """`work(http)` in a thread of its own, with a client for msal. Raises what it raises."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, work, BlockingHttp(self, loop))

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        await self._http.close()

    async def get(self, url: str, params: Mapping[str, str] | None, headers: Mapping[str, str] | None) -> Answer:
        kept = self._kept.get(url)
        if kept is not None and time.monotonic() - kept[0] < _KEPT_FOR:
            return kept[1]
        answer = await self._http.get(url, params=params, headers=headers)
        if url.endswith(_DISCOVERY) and answer.status == 200:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[url] = (time.monotonic(), answer)
        return answer

    async def post(
        self,
        url: str,
        form: Mapping[str, str],
        params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
    ) -> Answer:
        return await self._http.post(url, form, params=params, headers=headers)


class _Response:
    """What msal reads of an answer."""

    def __init__(self, answer: Answer) -> None:
        self.status_code = answer.status
        self.headers = dict(answer.headers)
        self.text = answer.text

    def raise_for_status(self) -> None:
        """msal wraps answers in a class of its own, which does this for itself."""
        if self.status_code >= 400:
            raise ValueError(f"HTTP {self.status_code}")


class BlockingHttp:
    """Conforms to msal's `http_client`; for one thread."""

    def __init__(self, http: MsalHttp, loop: asyncio.AbstractEventLoop) -> None:
        self._http = http
        self._loop = loop

    def get(
        self, url: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None, **_: Any
    ) -> _Response:
        return self._wait(self._http.get(url, params, headers))

    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> _Response:
        return self._wait(self._http.post(url, data or {}, params, headers))

    def close(self) -> None:
        """The pool is everybody's."""

    def _wait(self, asking: Coroutine[Any, Any, Answer]) -> _Response:
        return _Response(asyncio.run_coroutine_threadsafe(asking, self._loop).result())
