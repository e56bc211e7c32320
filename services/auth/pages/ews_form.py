"""The Exchange form as a person filled it in: into a request to connect, and back with what was wrong."""

from __future__ import annotations

from collections.abc import Mapping

from services.auth.domain.account import Account
from services.auth.domain.connect_request import ConnectRequest
from services.auth.domain.exchange_server import ExchangeSuggestion, read_server, shown_server
from services.auth.domain.refusals import NotProved, Refused
from services.auth.pages.mail_form import Wrong
from services.auth.pages.visits import Form

CLIENT = "ews"
SECRETS = ("password",)
_EMPTY = {"address": "", "display_name": "", "server": "", "username": ""}
_INPUTS = {
    "address": "address",
    "display_name": "display_name",
    "secret.username": "username",
    "secret.password": "password",
    "secret": "password",
    "settings": "server",
    "settings.ews": "server",
}


def request_of(form: Form, address: str | None = None) -> ConnectRequest:
    """`address`: the one to reconnect, whatever the form says. Raises `Invalid`."""
    server = read_server(form.text("server"))
    secret = {"password": form.text("password")}
    if username := form.text("username").strip():
        secret["username"] = username
    chosen = form.text("address") if address is None else address
    return ConnectRequest(CLIENT, chosen, form.text("display_name"), {"ews": server}, secret)


def empty(address: str = "") -> dict[str, str]:
    return {**_EMPTY, "address": address}


def filled(form: Form) -> dict[str, str]:
    return {**_EMPTY, **form.shown_again(*SECRETS)}


def of_account(account: Account) -> dict[str, str]:
    """As it was connected; the login must be given again, for nothing of it is kept here."""
    server = shown_server(account.settings.get("ews"))
    return {**_EMPTY, "address": account.address, "display_name": account.display_name, "server": server}


def suggested(values: Mapping[str, str], suggestion: ExchangeSuggestion | None) -> dict[str, str]:
    """The form with the suggested server in it."""
    return {**values, "server": suggestion.server} if suggestion is not None and suggestion.server else dict(values)


def wrong(error: Refused) -> Wrong:
    words = error.server_words if isinstance(error, NotProved) else ""
    field = _INPUTS.get(error.field) or ("server" if error.field.startswith("settings.ews.") else "")
    if error.code == "invalid_request" and error.field in ("settings.ews.host", "settings.ews.port"):
        field = "server"
    return Wrong(error.detail, error.remedy, field, words, error.code == "other_client")
