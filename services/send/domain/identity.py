"""The names a message is born with. They derive from the request, so they are known before anything is stored."""

from __future__ import annotations

from replywire_contracts.event import derived_id

from services.send.domain import headers


def message_id_of(team: str, request_id: str, domain: str) -> str:
    """`<derived@sender's domain>`, the domain in A-labels. Unique, since a request is one e-mail for ever."""
    return headers.message_id(f"{team}:{request_id}", domain)


def marker_of(team: str, request_id: str) -> str:
    """The value of X-Replywire-Id: says nothing about the team or the request."""
    return derived_id("marker", team, request_id)
