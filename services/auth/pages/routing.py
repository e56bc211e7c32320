"""Routes that answer people: whatever goes wrong ends in a page that says so, never in a bare error."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from services.auth.domain import links
from services.auth.domain.links import LinkRefusal, LinkRefused
from services.auth.domain.refusals import Conflict, NotFound, NotProved, Refused
from services.auth.pages.rendering import Rendering
from services.auth.pages.visits import PageRefused
from services.runtime.logging import get_logger
from services.runtime.problems import OUTAGES

_log = get_logger(__name__)
_LINK_TITLES = {
    LinkRefusal.ALTERED: "This link does not work",
    LinkRefusal.EXPIRED: "This link is too old",
    LinkRefusal.OTHER_PURPOSE: "This link leads elsewhere",
    LinkRefusal.SPENT: "This link is used up",
}


def page_router(rendering: Rendering) -> APIRouter:
    """One whose routes are no part of the described API."""

    class PageRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def answer(request: Request) -> Response:
                try:
                    return await handle(request)
                except Exception as error:  # noqa: BLE001 - a bug is logged, and answered with a page too
                    refused = _refused(error)
                    if refused is None:
                        _log.exception("page failed", path=self.path, exc_info=error)
                        refused = _OURS
                    return _page(rendering, request, refused)

            return answer

    return APIRouter(route_class=PageRoute, include_in_schema=False)


def _page(rendering: Rendering, request: Request, refused: PageRefused) -> Response:
    return rendering.page(
        "message.html",
        refused.status,
        title=refused.title,
        detail=refused.detail,
        remedy=refused.remedy,
        reference=request.scope.get("request_id") if refused.status >= HTTPStatus.INTERNAL_SERVER_ERROR else None,
    )


def _refused(error: Exception) -> PageRefused | None:
    """None for a bug."""
    match error:
        case PageRefused():
            return error
        case LinkRefused():
            status = HTTPStatus.GONE if error.why in (LinkRefusal.EXPIRED, LinkRefusal.SPENT) else HTTPStatus.FORBIDDEN
            return PageRefused(status, _LINK_TITLES[error.why], links.SENTENCES[error.why], links.REMEDY)
        case Refused():
            return PageRefused(status_of(error), "That did not work", error.detail, error.remedy)
        case RequestValidationError():
            return PageRefused(
                HTTPStatus.BAD_REQUEST, "This address is not right", "A part of it cannot be read.", "Go back."
            )
        case HTTPException():
            return PageRefused(HTTPStatus(error.status_code), "That did not work", str(error.detail), "Go back.")
        case _ if isinstance(error, OUTAGES):
            _log.warning("page met an outage", error=error)
            return PageRefused(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "We are not quite here",
                "A part of this service does not answer at present. Nothing was changed.",
                "Try again in a minute.",
            )
    return None


def status_of(error: Refused) -> HTTPStatus:
    match error:
        case NotFound():
            return HTTPStatus.NOT_FOUND
        case Conflict():
            return HTTPStatus.CONFLICT
        case NotProved(again=True):
            return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.UNPROCESSABLE_ENTITY


_OURS = PageRefused(
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "Something went wrong on our side",
    "It is logged under the number below.",
    "Try again in a minute.",
)
