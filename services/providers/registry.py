"""Every e-mail client, one line each, imported when first asked for."""

from __future__ import annotations

from importlib import import_module

from services.providers.protocols import Client

_CLIENTS: dict[str, tuple[str, str]] = {
    # client: (module that holds `CLIENT`, the extra that brings its libraries)
    "smtp_imap": ("services.providers.smtp_imap", "send"),
    "gmail": ("services.providers.gmail", "send"),
    "microsoft365": ("services.providers.microsoft365", "auth"),
    "ews": ("services.providers.ews", "inbox-sync"),
    "external": ("services.providers.external", "send"),
    "memory": ("services.providers.memory", "send"),
}


def names() -> tuple[str, ...]:
    return tuple(_CLIENTS)


def client(name: str) -> Client:
    """The record of the client called `name`. Raises `LookupError` naming the known ones, or the missing extra."""
    try:
        module, extra = _CLIENTS[name]
    except KeyError:
        raise LookupError(f"no e-mail client is called {name!r}; known are {', '.join(_CLIENTS)}") from None
    try:
        record = import_module(module).CLIENT
    except ModuleNotFoundError as missing:
        raise LookupError(
            f"the e-mail client {name!r} needs {missing.name}: install it with `pip install 'replywire[{extra}]'`"
        ) from missing
    assert isinstance(record, Client)
    return record
