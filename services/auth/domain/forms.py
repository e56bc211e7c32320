"""What a person must hand in to connect each e-mail client, as data: the secrets' names, and what can be filled in.

A client that is absent here is connected some other way (an OAuth redirect, an admin's set-up)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from services.auth.domain.refusals import Invalid

LONGEST_SECRET = 4096


@dataclass(frozen=True, slots=True)
class Form:
    secrets: tuple[str, ...]
    """Each must be given, or `shorthand` for all of them."""
    optional: tuple[str, ...] = ()
    """Secrets that may be left out."""
    shorthand: str | None = None
    servers: tuple[str, ...] = ()
    """The parts of `settings` that each name one server."""
    complete: Callable[[str, Mapping[str, Any]], dict[str, Any]] = lambda address, settings: dict(settings)


_PORT_SECURITY = {465: "tls", 993: "tls", 25: "starttls", 587: "starttls", 143: "starttls"}
"""RFC 8314's and the registered ports' own habit."""


def _complete_smtp_imap(address: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The user name is the address and the protection is the port's, unless said otherwise."""
    completed = dict(settings)
    for name in ("smtp", "imap"):
        server = settings.get(name)
        if not isinstance(server, Mapping):
            raise Invalid(
                f"settings.{name}",
                f"The {name.upper()} server is missing.",
                f"Give `settings.{name}` with host and port.",
            )
        server = {key: value for key, value in server.items() if value is not None}
        server.setdefault("username", address)
        if server.get("port") in _PORT_SECURITY:
            server.setdefault("security", _PORT_SECURITY[server["port"]])
        completed[name] = server
    return completed


def _complete_ews(address: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Port and path are those that Exchange is set up with, unless said otherwise."""
    server = settings.get("ews")
    if not isinstance(server, Mapping):
        raise Invalid("settings.ews", "The Exchange server is missing.", "Give `settings.ews` with its host.")
    if "username" in server or "username" in settings:
        # Of the login nothing is kept here: the sync engine holds all of it.
        raise Invalid("settings.ews.username", "The user name goes with the password.", "Give `secret.username`.")
    return {**settings, "ews": {key: value for key, value in server.items() if value is not None}}


def _complete_external(address: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Their own code knows how to send: nothing of it is kept here."""
    if settings:
        raise Invalid("settings", "An External account has no settings.", "Give the address and a display name alone.")
    return {}


FORMS: dict[str, Form] = {
    "ews": Form(secrets=("password",), optional=("username",), servers=("ews",), complete=_complete_ews),
    "external": Form(secrets=(), complete=_complete_external),
    "smtp_imap": Form(
        secrets=("smtp_password", "imap_password"),
        shorthand="password",
        servers=("smtp", "imap"),
        complete=_complete_smtp_imap,
    ),
}


def form_of(client: str, offered: tuple[str, ...]) -> Form:
    """Raises `Invalid` where this client is not offered, or is not connected by handing in a form."""
    if client not in offered:
        raise Invalid(
            "client", f"The e-mail client {client!r} is not offered here.", f"Choose from: {', '.join(offered)}."
        )
    try:
        return FORMS[client]
    except KeyError:
        raise Invalid(
            "client",
            f"The e-mail client {client!r} is not connected with a password.",
            "Ask for a link to the connect page and open it.",
        ) from None


def read_secret(form: Form, given: Mapping[str, str]) -> dict[str, str]:
    """Every secret the client needs, by its own name. Raises `Invalid` naming the missing or unknown one."""
    known = {*form.secrets, *form.optional, form.shorthand} - {None}
    for name in given:
        if name not in known:
            use = (
                f"Use: {', '.join(sorted(map(str, known)))}." if known else "Leave `secret` out: this client has none."
            )
            raise Invalid("secret", "There is a secret of an unknown name.", use)
    secret: dict[str, str] = {}
    for name in form.secrets:
        value = given.get(name, given.get(form.shorthand, "") if form.shorthand else "")
        _require_sendable(f"secret.{name}", value)
        secret[name] = value
    for name in form.optional:
        if given.get(name):
            _require_sendable(f"secret.{name}", given[name])
            secret[name] = given[name]
    return secret


def _require_sendable(field: str, value: str) -> None:
    if not value:
        other = "" if field == "secret.password" else ", or `secret.password` for both servers"
        raise Invalid(field, "The password is missing.", f"Give `{field}`{other}.")
    if len(value) > LONGEST_SECRET:
        raise Invalid(
            field, f"The password is longer than {LONGEST_SECRET} characters.", "Give the mailbox's password."
        )
    # It travels in commands of line protocols, where one of these would start a second command.
    if any(character in value for character in "\r\n\0"):
        raise Invalid(field, "The password holds a line break.", "Paste the password without the line break.")
