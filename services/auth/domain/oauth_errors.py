"""What a provider's OAuth error means: whose it is, in whose words, and whether anything is lost. Pure.

    OAuthError
    ├── GrantRefused   this person's grant is not there, or no more: they must sign in (again)
    ├── AppRefused     the app is registered wrongly: only who runs the service can help, and no grant is lost
    └── Unavailable    nothing is known: the network, the provider's own trouble, an answer that makes no sense

Only `GrantRefused` may ever stop an account.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.auth.domain import aadsts
from services.auth.domain.aadsts import Sentence
from services.auth.domain.oauth_app import TITLES, Provider
from services.auth.domain.oauth_flow import SignInRefused

_LONGEST_WORDS = 500


@dataclass(slots=True, eq=False)
class OAuthError(Exception):
    reason: str
    code: str = ""
    """`invalid_grant`, with `AADSTS…` where there is such a number."""
    words: str = ""
    """The provider's own."""
    detail: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.code} {self.words}".strip()


class GrantRefused(OAuthError):
    pass


class AppRefused(OAuthError):
    pass


class Unavailable(OAuthError):
    pass


_GRANT = frozenset(
    {"invalid_grant", "interaction_required", "login_required", "consent_required", "account_selection_required",
     "access_denied", "admin_policy_enforced", "org_internal"}
)  # fmt: skip
_APP = frozenset(
    {"invalid_client", "unauthorized_client", "invalid_request", "invalid_scope", "unsupported_grant_type",
     "unsupported_response_type", "redirect_uri_mismatch", "deleted_client", "disabled_client", "invalid_resource"}
)  # fmt: skip

_SIGN_IN_AGAIN = Sentence(
    "grant_refused",
    "{provider} no longer accepts this sign-in: access was taken away, expired, or the password was changed.",
    "Sign in again: open a link to reconnect this account.",
)
_PLAIN: Mapping[str, Sentence] = {
    "access_denied": Sentence(
        "consent_declined", "The sign-in was cancelled on {provider}'s page.", "Sign in again and accept."
    ),
    "admin_policy_enforced": Sentence(
        "policy_refused",
        "The administrator of your {provider} Workspace does not allow this app.",
        "Ask them to trust the app in the admin console, then sign in again.",
    ),
    "org_internal": Sentence(
        "other_organisation",
        "This app is for the people of one organisation only, and this account is not of it.",
        "Sign in with an account of that organisation.",
    ),
    "login_required": Sentence("sign_in_needed", "{provider} wants you to sign in.", "Sign in."),
    "consent_required": aadsts.SENTENCES["65001"],
}
_APP_WRONG = Sentence(
    "app_refused",
    "{provider} does not accept the app that this service is registered as.",
    "Tell whoever runs this service; the provider's words say what is wrong with the registration.",
)
_NOT_NOW = Sentence("provider_unavailable", "{provider} cannot answer just now.", "Try again in a minute.")


def judge(provider: Provider, error: str, description: str = "") -> OAuthError:
    """The provider's answer as one of the three. What it does not say clearly is `Unavailable`."""
    number = aadsts.code_in(description) if provider is Provider.MICROSOFT else ""
    kind: type[OAuthError] = Unavailable
    sentence = _NOT_NOW
    if number in aadsts.PASSING:
        pass
    elif error in _GRANT:
        kind, sentence = GrantRefused, _PLAIN.get(error, _SIGN_IN_AGAIN)
    elif error in _APP:
        kind, sentence = AppRefused, _APP_WRONG
    if kind is not Unavailable:
        sentence = aadsts.SENTENCES.get(number, sentence)
    return _made(kind, provider, sentence, f"{error} AADSTS{number}" if number else error, description)


def unavailable(provider: Provider, what: str) -> Unavailable:
    """`what` happened instead of an answer."""
    error = _made(Unavailable, provider, _NOT_NOW, "", what)
    assert isinstance(error, Unavailable)
    return error


def sign_in_refusal(error: OAuthError) -> SignInRefused:
    """The error as the page shows it."""
    return SignInRefused(error.reason, error.detail, remedy=error.remedy)


def _made(kind: type[OAuthError], provider: Provider, sentence: Sentence, code: str, words: str) -> OAuthError:
    detail = sentence.detail.format(provider=TITLES[provider])
    return kind(sentence.reason, code[:64], " ".join(words.split())[:_LONGEST_WORDS], detail, sentence.remedy)
