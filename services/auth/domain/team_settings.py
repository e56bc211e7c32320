"""A team's e-mail settings: which clients it offers, on what terms, and what an operator must allow first. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from services.auth.domain.audit import Action
from services.auth.domain.refusals import Conflict, Invalid

CLIENTS = ("gmail", "microsoft365", "smtp_imap", "ews", "external")
"""In the order in which people read them."""
BY_LEAVE = frozenset({"ews"})
"""Clients that an operator switches on team by team: `python -m services.auth allow-client`."""
NEEDS_SET_UP = frozenset({"external"})
"""Clients that an admin must have set up before they can be offered."""

MOST_FOLDERS = 50
LONGEST_FOLDER = 250
MOST_A_MINUTE = 10_000


@dataclass(frozen=True, slots=True)
class ClientPolicy:
    """How a team wants one client to be used."""

    folders: tuple[str, ...] = ()
    """Folders to read besides INBOX and Junk, by their names as people see them."""
    sends_per_minute: int = 0
    """Per mailbox; 0 where the client's own limit is enough."""
    sent_copy: bool = True
    """Whether a sent message is put into the Sent folder, where the provider does not file it itself."""


@dataclass(frozen=True, slots=True)
class TeamSettings:
    team_id: str
    offered: tuple[str, ...] | None = None
    """As the team's admin ticked; None where nobody has chosen yet."""
    microsoft_consent_required: bool = False
    policies: Mapping[str, ClientPolicy] = field(default_factory=lambda: MappingProxyType({}))
    allowed: tuple[str, ...] = ()
    """Of the clients `BY_LEAVE`: those that an operator switched on for this team."""
    revision: int = 0
    """Grows with every change; 0 where nothing was ever saved."""
    changed_at: datetime | None = None

    def policy(self, client: str) -> ClientPolicy:
        return self.policies.get(client, ClientPolicy())


def listed(settings: TeamSettings, operator_offers: Iterable[str]) -> tuple[str, ...]:
    """The clients that this team's admin may choose from."""
    offers = frozenset(operator_offers)
    return tuple(
        client for client in CLIENTS if client in (settings.allowed if client in BY_LEAVE else offers)
    ) + tuple(sorted(offers - set(CLIENTS)))


def offered(
    settings: TeamSettings, operator_offers: Iterable[str], missing: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """The clients that this team's people may connect now; until an admin chooses, all whose set-up is complete.

    `missing`: per client of `NEEDS_SET_UP`, what its set-up still lacks."""
    choices = listed(settings, operator_offers)
    if settings.offered is None:
        return tuple(client for client in choices if not missing.get(client))
    return tuple(client for client in choices if client in settings.offered)


def choose(
    settings: TeamSettings,
    wanted: Iterable[str],
    operator_offers: Iterable[str],
    missing: Mapping[str, tuple[str, ...]],
) -> tuple[str, ...]:
    """What will be offered. Raises `Invalid` for a client that is not listed, `Conflict` for one that was not offered
    before and whose set-up is not complete."""
    choices, asked = listed(settings, operator_offers), frozenset(wanted)
    for client in sorted(asked - frozenset(choices)):
        by_operator = " The operator switches it on, team by team." if client in BY_LEAVE else ""
        raise Invalid(
            "offered",
            f"The e-mail client {client!r} is not available to this team.{by_operator}",
            f"Choose from: {', '.join(choices)}.",
        )
    for client in sorted(asked - frozenset(settings.offered or ())):
        if missing.get(client):
            raise Conflict(
                "set_up_incomplete",
                f"{client.capitalize()} cannot be offered before its set-up is complete.",
                remedy=" ".join(missing[client]),
                field="offered",
            )
    return tuple(client for client in choices if client in asked)


def read_policy(client: str, policy: ClientPolicy) -> ClientPolicy:
    """The policy with its folders tidied. Raises `Invalid` naming the field."""
    where = f"policies.{client}"
    if client not in CLIENTS:
        raise Invalid(where, f"There is no e-mail client {client!r}.", f"Choose from: {', '.join(CLIENTS)}.")
    folders = tuple(dict.fromkeys(name.strip() for name in policy.folders if name.strip()))
    if len(folders) > MOST_FOLDERS or any(len(name) > LONGEST_FOLDER or not name.isprintable() for name in folders):
        raise Invalid(
            f"{where}.folders",
            "These folders cannot be read.",
            f"Give at most {MOST_FOLDERS} names of at most {LONGEST_FOLDER} characters, one on each line.",
        )
    if not 0 <= policy.sends_per_minute <= MOST_A_MINUTE:
        raise Invalid(
            f"{where}.sends_per_minute", "This limit cannot be kept.", f"Give 0 (no limit) to {MOST_A_MINUTE}."
        )
    return ClientPolicy(folders, policy.sends_per_minute, policy.sent_copy)


def applied(policy: ClientPolicy, settings: Mapping[str, Any]) -> dict[str, Any]:
    """An account's own settings as they hold under its team's policy. What the team did not decide stays as it is."""
    held = dict(settings)
    if policy.folders:
        own = held.get("folders")
        held["folders"] = list(dict.fromkeys((*(own if isinstance(own, list | tuple) else ()), *policy.folders)))
    if not policy.sent_copy:
        held["sent_copy"] = False
    if policy.sends_per_minute:
        held["sends_per_minute"] = policy.sends_per_minute
    return held


def differences(before: TeamSettings, after: TeamSettings) -> list[tuple[Action, str, dict[str, str]]]:
    """Each change as the audit log has it: what was done, to what, and from what to what."""
    found: list[tuple[Action, str, dict[str, str]]] = []
    if before.offered != after.offered:
        was, now = ("not chosen" if each is None else ", ".join(each) for each in (before.offered, after.offered))
        found.append((Action.OFFERED_CHANGED, "offered", {"from": was, "to": now}))
    if before.microsoft_consent_required != after.microsoft_consent_required:
        required = "required" if after.microsoft_consent_required else "not required"
        found.append((Action.CONSENT_RULE_CHANGED, "microsoft365", {"to": required}))
    for client in sorted(before.policies.keys() | after.policies.keys()):
        old, new = before.policy(client), after.policy(client)
        if old != new:
            found.append((Action.POLICY_CHANGED, client, {"from": _told(old), "to": _told(new)}))
    found += [(Action.CLIENT_ALLOWED, client, {}) for client in after.allowed if client not in before.allowed]
    found += [(Action.CLIENT_DISALLOWED, client, {}) for client in before.allowed if client not in after.allowed]
    return found


def _told(policy: ClientPolicy) -> str:
    parts = [f"folders {', '.join(policy.folders)}"] if policy.folders else []
    parts += [f"{policy.sends_per_minute} a minute"] if policy.sends_per_minute else []
    parts += [] if policy.sent_copy else ["no sent copy"]
    return "; ".join(parts) or "the client's own"
