"""The refusal of a request's field, in words that its author can act on."""

from __future__ import annotations


class InvalidField(ValueError):
    """`field` as the request names it (`to[2].email`), `problem` as a clause ("holds a line break"), `remedy` as a
    sentence. The value itself is never repeated: it may be anything, and this text reaches logs and events."""

    def __init__(self, field: str, problem: str, remedy: str) -> None:
        super().__init__(f"{field} {problem}. {remedy}")
        self.field = field
        self.problem = problem
        self.remedy = remedy
