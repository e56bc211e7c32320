"""The SMTP/IMAP form as a person filled it in: into a request to connect, and back with what was wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.auth.domain.account import Account
from services.auth.domain.connect_request import ConnectRequest
from services.auth.domain.discovery import Suggestion
from services.auth.domain.refusals import NotProved, Refused
from services.auth.domain.well_known import Server
from services.auth.pages.visits import Form

CLIENT = "smtp_imap"
SECRETS = ("password", "imap_password", "smtp_password")
SERVERS = ("imap", "smtp")
TITLES = {"imap": "Reading mail (IMAP)", "smtp": "Sending mail (SMTP)"}
_EMPTY = {
    "address": "", "display_name": "",
    "imap_host": "", "imap_port": "993", "imap_security": "tls", "imap_username": "",
    "smtp_host": "", "smtp_port": "465", "smtp_security": "tls", "smtp_username": "",
}  # fmt: skip
_PARTS = {"host": "name", "port": "port", "security": "protection", "username": "user name"}
_NOT_TRIED = frozenset({"refused_host", "other_client", "other_mailbox"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """One server's share in the result."""

    title: str
    works: bool


@dataclass(frozen=True, slots=True)
class Wrong:
    """What the page says about a form that did not work."""

    sentence: str
    remedy: str
    field: str
    """The input at fault, or empty."""
    words: str = ""
    better: bool = False
    """Another e-mail client is the right one."""
    verdicts: tuple[Verdict, ...] = ()


def request_of(form: Form, address: str | None = None, folders: Mapping[str, Any] | None = None) -> ConnectRequest:
    """`address`: the one to reconnect, whatever the form says. `folders`: settings to take over."""
    settings: dict[str, Any] = dict(folders or {})
    for name in SERVERS:
        server = {
            "host": form.text(f"{name}_host").strip(),
            "port": form.number(f"{name}_port"),
            "security": form.text(f"{name}_security") or None,
            "username": form.text(f"{name}_username").strip() or None,
        }
        settings[name] = {key: value for key, value in server.items() if value is not None}
    # A password field that was left empty is not given: the one for both servers then counts.
    secret = {name: value for name in SECRETS if (value := form.text(name))}
    chosen = form.text("address") if address is None else address
    return ConnectRequest(CLIENT, chosen, form.text("display_name"), settings, secret)


def empty(address: str = "") -> dict[str, str]:
    return {**_EMPTY, "address": address}


def filled(form: Form) -> dict[str, str]:
    return {**_EMPTY, **form.shown_again(*SECRETS)}


def of_account(account: Account) -> dict[str, str]:
    """As it was connected; the password must be given again."""
    values = {**_EMPTY, "address": account.address, "display_name": account.display_name}
    for name in SERVERS:
        server = account.settings.get(name)
        if isinstance(server, Mapping):
            values |= {f"{name}_{key}": str(server[key]) for key in ("host", "port", "security") if key in server}
            if server.get("username") not in (None, account.address):
                values[f"{name}_username"] = str(server["username"])
    return values


def suggested(values: Mapping[str, str], suggestion: Suggestion | None) -> dict[str, str]:
    """The form with the suggested servers in it."""
    if suggestion is None or suggestion.better:
        return dict(values)
    return {**values, **_server("imap", suggestion.imap), **_server("smtp", suggestion.smtp)}


def wrong(error: Refused, form: Form) -> Wrong:
    verdicts: Sequence[Verdict] = ()
    words, sentence = "", error.detail
    if isinstance(error, NotProved):
        words = error.server_words
        if len(error.failed) == len(SERVERS):
            sentence = f"Neither server let us in. {sentence}"
        if error.failed and error.code not in _NOT_TRIED:
            verdicts = [Verdict(TITLES[name], name not in error.failed) for name in SERVERS]
    named = _named_part(error.field) if error.code == "invalid_request" else ""
    if named:
        return Wrong(f"The {named} cannot be used.", "Correct it and try again.", _input(error.field, form))
    return Wrong(
        sentence, error.remedy, _input(error.field, form), words, error.code == "other_client", tuple(verdicts)
    )


def _server(name: str, server: Server | None) -> dict[str, str]:
    if server is None:
        return {}
    return {f"{name}_host": server.host, f"{name}_port": str(server.port), f"{name}_security": server.security}


def _named_part(field: str) -> str:
    """A part of the settings as people call it; empty for anything else."""
    _, server, part, *_ = (*field.split("."), "", "", "")
    return f"{_PARTS[part]} of the {server.upper()} server" if server in SERVERS and part in _PARTS else ""


def _input(field: str, form: Form) -> str:
    """The page's name for a field of the API."""
    part, _, rest = field.partition(".")
    if part == "settings":
        return rest.replace(".", "_") if "." in rest else f"{rest}_host" if rest in SERVERS else ""
    if part == "secret":
        return rest if rest in SECRETS and form.text(rest) else "password"
    return part if part in _EMPTY else ""
