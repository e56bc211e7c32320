"""What teams' own code asks over the bus, in its team's name: the same bodies, answers and problems as over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import uuid4

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from services.runtime import problems
from services.runtime.logging import bind, get_logger
from services.runtime.permissions import team_subject
from services.runtime.problems import HttpProblem
from services.runtime.rpc import Serves, TeamEndpoint

_log = get_logger(__name__)
Asked = TypeVar("Asked", bound=BaseModel)


def serve_teams(
    app: Serves,
    verb: str,
    kind: type[Asked],
    answer: Callable[[str, Asked], Awaitable[BaseModel]],
    *,
    at_once: int = 64,
    unheard: Callable[[str, bytes], None] | None = None,
) -> None:
    """`answer(team, asked)` may raise whatever a route may raise. `unheard(team, octets)`: it reached nobody."""

    async def answered(team: str, content: bytes) -> tuple[bytes, str | None]:
        with bind(request_id=(request_id := uuid4().hex)):
            try:
                return (await answer(team, kind.model_validate_json(content))).model_dump_json().encode(), None
            except ValidationError as wrong:
                found = wrong.errors(include_url=False, include_input=False, include_context=False)
                problem: HttpProblem | None = problems.of_validation(found, whole_body=True)
            except Exception as error:  # noqa: BLE001 - the asker must hear of every failure, or it waits in vain
                problem = problems.of(error)
                if problem is None:
                    _log.error("a team's request failed", verb=verb, exc_info=error)
                    problem = HttpProblem(500, "internal", "It is logged under this request's id.")
        assert problem is not None
        return to_json(problem.content(request_id)), problem.code

    app.endpoints.append(TeamEndpoint(team_subject(verb, "*"), answered, at_once, unheard))
