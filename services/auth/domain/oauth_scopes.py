"""What we ask a provider for, and what each missing permission means in plain words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from services.auth.domain.oauth_app import TITLES, Provider
from services.auth.domain.oauth_flow import SignInRefused

GOOGLE_MAIL = "https://mail.google.com/"
ASKED: Mapping[Provider, tuple[str, ...]] = {
    Provider.GOOGLE: ("openid", "email", GOOGLE_MAIL),
    Provider.MICROSOFT: ("Mail.ReadWrite", "Mail.Send", "User.Read"),
}
"""Microsoft's are Graph's, to be prefixed with its address; its library adds `openid profile offline_access`."""

NEEDED: Mapping[Provider, Mapping[str, str]] = {
    Provider.GOOGLE: {GOOGLE_MAIL: "read, compose and send your mail"},
    Provider.MICROSOFT: {
        "Mail.ReadWrite": "read your mail and prepare drafts",
        "Mail.Send": "send mail as you",
        "User.Read": "see whose mailbox it is",
    },
}


def plain(provider: Provider, scope: str) -> str:
    """Microsoft answers with or without Graph's address before the name, in any case of letters."""
    return scope.rpartition("/")[2].lower() if provider is Provider.MICROSOFT else scope


def missing(provider: Provider, granted: Iterable[str]) -> dict[str, str]:
    """The scopes we need and did not get, each with its words."""
    got = {plain(provider, scope) for scope in granted}
    return {scope: words for scope, words in NEEDED[provider].items() if plain(provider, scope) not in got}


def require_all(provider: Provider, granted: Iterable[str]) -> None:
    """Raises `SignInRefused` naming each missing scope."""
    lacking = missing(provider, granted)
    if lacking:
        said = "; ".join(f"{words} ({scope})" for scope, words in lacking.items())
        raise SignInRefused(
            "missing_scope",
            f"{TITLES[provider]} was not allowed to let us: {said}.",
            remedy="Sign in again and leave every box ticked.",
        )
