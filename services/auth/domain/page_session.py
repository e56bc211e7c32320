"""A visit to our pages, begun by following a link: what the browser holds, what we keep, and for how long. Pure.

The cookie's text is known to the browser alone. We keep its hash; the token that every form carries against forged
requests (CSRF) is derived from it, so that it needs no keeping and is worth nothing without the cookie.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.auth.domain.links import Link
from services.auth.domain.visitor import Visitor

LIFE = timedelta(minutes=30)
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class PageSession:
    visitor: Visitor
    expires_at: datetime


def new_cookie() -> str:
    return secrets.token_urlsafe(32)


def session_id_of(cookie: str) -> str:
    return hashlib.sha256(cookie[:_LONGEST].encode()).hexdigest()


def form_token_of(cookie: str) -> str:
    return hmac.new(cookie[:_LONGEST].encode(), b"replywire form", hashlib.sha256).hexdigest()


def is_form_token(cookie: str, token: str) -> bool:
    return hmac.compare_digest(form_token_of(cookie).encode(), token.encode())


def begin(link: Link, cookie: str, now: datetime) -> PageSession:
    visitor = Visitor(
        session_id=session_id_of(cookie),
        team_id=link.team_id,
        person=link.person,
        role=link.role,
        purpose=link.purpose,
        account_id=link.account_id,
        return_to=link.return_to,
    )
    return PageSession(visitor, now + LIFE)
