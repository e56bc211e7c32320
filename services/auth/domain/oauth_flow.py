"""One trip to a provider's page and back: its state, good once, for ten minutes, for who began it. Pure.

The state is 256 random bits and is kept as its hash; what answers to it (PKCE's verifier of RFC 7636, OpenID's nonce)
is kept sealed. So what the database holds opens nothing.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.auth.domain.oauth_app import Provider
from services.auth.domain.refusals import Refused
from services.auth.domain.visitor import Visitor

LIFE = timedelta(minutes=10)


class Errand(StrEnum):
    """What the person went for. A state for one is worth nothing for another."""

    CONNECT = "connect"
    CONSENT = "consent"
    """Microsoft's consent page."""
    PROOF = "proof"
    """The sign-in whose token proves that consent."""


@dataclass(frozen=True, slots=True)
class Flow:
    state_hash: str
    errand: Errand
    provider: Provider
    client_id: str
    """The app it was begun with: it must be finished with the same."""
    redirect_uri: str
    team_id: str
    person: str
    session_id: str
    expires_at: datetime
    account_id: str | None = None
    """The account to reconnect."""
    address: str | None = None
    """The mailbox that must sign in, where one was asked for."""
    tenant: str | None = None
    """The tenant that a consent page's redirect spoke of: not believed, compared."""
    interactive: bool = False
    """The proof was already tried silently."""


class SignInRefused(Refused):
    """A sign-in that led to nothing; the person may try again."""


def begin(
    visitor: Visitor,
    errand: Errand,
    provider: Provider,
    client_id: str,
    redirect_uri: str,
    now: datetime,
    *,
    account_id: str | None = None,
    address: str | None = None,
    tenant: str | None = None,
    interactive: bool = False,
) -> tuple[Flow, str]:
    """The flow to keep, and its state, which goes to the provider and is kept nowhere."""
    state = secrets.token_urlsafe(32)
    flow = Flow(
        state_hash=hash_state(state),
        errand=errand,
        provider=provider,
        client_id=client_id,
        redirect_uri=redirect_uri,
        team_id=visitor.team_id,
        person=visitor.person,
        session_id=visitor.session_id,
        expires_at=now + LIFE,
        account_id=account_id,
        address=address,
        tenant=tenant,
        interactive=interactive,
    )
    return flow, state


def hash_state(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()


def ours(flow: Flow | None, visitor: Visitor, errands: tuple[Errand, ...], provider: Provider, now: datetime) -> Flow:
    """The flow, where it is this person's, of this session, for this errand and not too old. Raises `SignInRefused` in
    the same words for all that it may be instead."""
    if (
        flow is None
        or (flow.team_id, flow.person, flow.session_id) != (visitor.team_id, visitor.person, visitor.session_id)
        or flow.errand not in errands
        or flow.provider is not provider
        or now >= flow.expires_at
    ):
        raise SignInRefused(
            "state_refused",
            "This sign-in was used already, took longer than ten minutes, or was not begun here.",
            remedy="Begin again, and finish in the same browser.",
        )
    return flow
