"""How many requests of one client are under way at the services: none may hold all the connections there are."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

from services.runtime.problem_shape import HttpProblem


class Shares:
    def __init__(self, most: int) -> None:
        self._most = most
        self._under_way: Counter[str] = Counter()

    @contextlib.contextmanager
    def one_more(self, client: str) -> Iterator[None]:
        """Raises `HttpProblem` where the client has its share already."""
        if self._under_way[client] >= self._most:
            detail = f"Your address has {self._most} requests under way, and may have no more at a time."
            raise HttpProblem(429, "too_many_requests", detail, headers={"Retry-After": "1"})
        self._under_way[client] += 1
        try:
            yield
        finally:
            self._under_way[client] -= 1
            if not self._under_way[client]:
                del self._under_way[client]
