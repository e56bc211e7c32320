"""Who is at the door of a page: the visit that a cookie names, and whether a form was really sent by our own page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from fastapi import Request, Response

from services.auth.connecting import Who
from services.auth.domain import page_session
from services.auth.domain.audit import Actor
from services.auth.domain.links import Purpose
from services.auth.domain.page_session import LIFE, PageSession
from services.auth.domain.visitor import Visitor
from services.auth.pages.rendering import Rendering
from services.auth.ports import PageSessions

TOKEN_FIELD = "form_token"  # noqa: S105 - a field's name
TOKEN_HEADER = "X-Form-Token"  # noqa: S105
_LARGEST_FORM = 64 * 1024
_MOST_FIELDS = 200


class PageRefused(Exception):
    """Answered with a page that says so."""

    def __init__(self, status: HTTPStatus, title: str, detail: str, remedy: str) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Visit:
    visitor: Visitor
    form_token: str
    request_id: str | None

    @property
    def who(self) -> Who:
        visitor = self.visitor
        return Who(
            visitor.team_id, Actor.person(visitor.person), self.request_id, visitor.person, visitor.link_account_id
        )


@dataclass(frozen=True, slots=True)
class Visits:
    sessions: PageSessions
    rendering: Rendering
    now: Callable[[], datetime]

    @property
    def cookie_name(self) -> str:
        # The prefix makes browsers refuse it from any other host, and without TLS (RFC 6265bis).
        return "__Host-replywire" if self.rendering.secure else "replywire"

    def open(self, response: Response, cookie: str) -> None:
        response.set_cookie(
            self.cookie_name,
            cookie,
            max_age=int(LIFE.total_seconds()),
            path="/",
            secure=self.rendering.secure,
            httponly=True,
            samesite="lax",
        )

    async def of(self, request: Request, *purposes: Purpose) -> Visit:
        """Raises `PageRefused` without a living visit, or where its link led elsewhere."""
        cookie = request.cookies.get(self.cookie_name, "")
        session: PageSession | None = None
        if cookie:
            session = await self.sessions.find(page_session.session_id_of(cookie), self.now())
        if session is None:
            raise PageRefused(
                HTTPStatus.UNAUTHORIZED,
                "This visit has ended",
                f"For your safety these pages close after {int(LIFE.total_seconds() // 60)} minutes.",
                "Go back to where you came from and open them again.",
            )
        if purposes and session.visitor.purpose not in purposes:
            raise PageRefused(
                HTTPStatus.FORBIDDEN,
                "This is another page",
                "The link that brought you here was not made for this page.",
                "Go back to where you came from and ask for a link to it.",
            )
        form_token = page_session.form_token_of(cookie)
        return Visit(session.visitor, form_token, request.scope.get("request_id"))

    async def posted(self, request: Request, *purposes: Purpose) -> tuple[Visit, Form]:
        """The visit and the form, sent by a page of ours. Raises as `of`, and for a forged or oversized form."""
        visit = await self.of(request, *purposes)
        length = request.headers.get("content-length", "")
        if not length.isdigit() or int(length) > _LARGEST_FORM:
            raise PageRefused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "That was too much", "The form is too large.", "Shorten it."
            )
        came_from = request.headers.get("origin", "")
        site = request.headers.get("sec-fetch-site", "same-origin")
        async with request.form(max_files=0, max_fields=_MOST_FIELDS) as sent:
            values = [(name, value) for name, value in sent.multi_items() if isinstance(value, str)]
        form = Form(tuple(values))
        token = request.headers.get(TOKEN_HEADER) or form.text(TOKEN_FIELD)
        genuine = page_session.is_form_token(request.cookies[self.cookie_name], token)
        if came_from != self.rendering.origin or site != "same-origin" or not genuine:
            raise PageRefused(
                HTTPStatus.FORBIDDEN,
                "This form cannot be trusted",
                "It was not sent by our own page, or the page was opened before another one took its place.",
                "Go back, load the page again and fill the form in anew.",
            )
        return visit, form


@dataclass(frozen=True, slots=True)
class Form:
    """What a person sent, as text."""

    values: tuple[tuple[str, str], ...]

    def text(self, name: str) -> str:
        return next((value for key, value in self.values if key == name), "")

    def all(self, name: str) -> tuple[str, ...]:
        return tuple(value for key, value in self.values if key == name)

    def number(self, name: str) -> int | None:
        """None where it is empty or no number."""
        text = self.text(name).strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None

    def shown_again(self, *secrets: str) -> Mapping[str, str]:
        """To fill the form in again; never with a secret."""
        return {name: value for name, value in self.values if name not in (*secrets, TOKEN_FIELD)}
