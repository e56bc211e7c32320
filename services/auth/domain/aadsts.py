"""Microsoft's AADSTS codes as sentences with a remedy. Pure.

Microsoft warns that codes change over time, so they choose words, and never alone decide what happens: that is OAuth's
own `error`. Source: learn.microsoft.com, "Microsoft Entra authentication and authorization error codes".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_IN_WORDS = re.compile(r"AADSTS(\d{4,8})")
_ASK_ADMIN = "Send your Microsoft administrator the consent link, and sign in again once they have agreed."
_OPERATOR = "Tell whoever runs this service: the app registered with Microsoft needs correcting."


@dataclass(frozen=True, slots=True)
class Sentence:
    reason: str
    """A stable slug."""
    detail: str
    remedy: str


SENTENCES: Mapping[str, Sentence] = {
    "65001": Sentence(
        "consent_missing",
        "Neither you nor an administrator has agreed that this app may use the mailbox.",
        f"Sign in again and agree; where Microsoft does not let you: {_ASK_ADMIN}",
    ),
    "65004": Sentence(
        "consent_declined", "The permissions were declined on Microsoft's page.", "Sign in again and accept them."
    ),
    "90094": Sentence("admin_consent_missing", "Your organisation lets only administrators allow this.", _ASK_ADMIN),
    "90095": Sentence(
        "admin_consent_requested",
        "Your organisation wants an administrator's approval, and Microsoft can ask for it.",
        "Wait for the approval that you asked for on Microsoft's page, or send your administrator the consent link.",
    ),
    "50105": Sentence(
        "not_assigned",
        "Your organisation allows this app to chosen people only, and you are not one of them.",
        "Ask your Microsoft administrator to assign you to the app.",
    ),
    "50020": Sentence(
        "foreign_account",
        "This Microsoft account does not belong to the organisation it was used for.",
        "Sign out at Microsoft, then sign in with the account of the mailbox itself.",
    ),
    "50034": Sentence(
        "unknown_user",
        "Microsoft knows no such account in this organisation.",
        "Check the address, or sign in with the account of the mailbox itself.",
    ),
    "50126": Sentence(
        "wrong_password", "Microsoft did not accept the user name or password.", "Sign in again with the right ones."
    ),
    "50055": Sentence(
        "password_expired", "The password has expired.", "Set a new one at Microsoft, then sign in again."
    ),
    "50057": Sentence(
        "user_disabled", "This Microsoft account is switched off.", "Ask your Microsoft administrator to switch it on."
    ),
    "50053": Sentence(
        "user_locked", "Microsoft has locked this account after too many tries.", "Wait a while, then sign in again."
    ),
    "50076": Sentence(
        "second_factor", "Microsoft wants a second factor now.", "Sign in again and confirm it on your other device."
    ),
    "50079": Sentence(
        "second_factor", "Microsoft wants a second factor to be set up.", "Sign in again and follow Microsoft's steps."
    ),
    "50173": Sentence(
        "password_changed",
        "The sign-in ended when the password was changed or sessions were revoked.",
        "Sign in again.",
    ),
    "53000": Sentence(
        "device_refused",
        "Your organisation allows this from managed devices only.",
        "Sign in from a managed device, or ask your Microsoft administrator.",
    ),
    "53003": Sentence(
        "policy_refused",
        "A Conditional Access policy of your organisation forbids this sign-in.",
        "Ask your Microsoft administrator to allow this app.",
    ),
    "70043": Sentence(
        "sign_in_too_old", "Your organisation wants you to sign in again from time to time.", "Sign in again."
    ),
    "70008": Sentence("sign_in_too_old", "The sign-in has expired.", "Sign in again."),
    "54005": Sentence("code_used", "This sign-in was already used.", "Sign in again."),
    "700082": Sentence("sign_in_too_old", "The sign-in has expired: it was not used for 90 days.", "Sign in again."),
    "700084": Sentence("sign_in_too_old", "The sign-in has reached the end of its life.", "Sign in again."),
    "700016": Sentence(
        "app_unknown",
        "Microsoft does not know this app in your organisation.",
        f"An administrator may have to agree to it first. Else: {_OPERATOR}",
    ),
    "7000215": Sentence("app_secret_wrong", "Microsoft does not accept this app's client secret.", _OPERATOR),
    "7000222": Sentence("app_secret_expired", "The client secret of this app has expired.", _OPERATOR),
    "50011": Sentence("app_address_wrong", "The app is registered with another return address.", _OPERATOR),
    "50194": Sentence("app_one_tenant", "The app is registered for one organisation alone.", _OPERATOR),
    "90002": Sentence(
        "unknown_tenant", "Microsoft knows no such organisation.", "Check the address, then sign in again."
    ),
}
PASSING = frozenset({"50196", "90033", "90055"})
"""Called `invalid_grant` at times, yet not about the grant: too many requests, Microsoft's own trouble."""


def code_in(description: str) -> str:
    """The first AADSTS number in Microsoft's words; empty where there is none."""
    found = _IN_WORDS.search(description)
    return found[1] if found else ""
