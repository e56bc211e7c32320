"""What a command says when it cannot go on: cause and remedy in one text, and an exit status for scripts."""

from __future__ import annotations

REFUSED = 1
UNUSABLE = 2
AWAY = 3


class CannotGoOn(Exception):
    """`status` is the exit status: 1 refused, 2 wrongly used or set up, 3 a server is away."""

    def __init__(self, text: str, *, status: int = REFUSED, remedy: str = "", code: str = "") -> None:
        super().__init__(text)
        self.remedy = remedy
        self.status = status
        self.code = code
