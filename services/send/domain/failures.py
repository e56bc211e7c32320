"""A provider's error as people and products read it: reason, the server's code and words, and what to do."""

from __future__ import annotations

from replywire_contracts.v1.values import Failure

from services.providers.errors import OutcomeUnknown, ProviderError, ReauthRequired, Transient

_REMEDIES: dict[str, str] = {
    "needs_reauth": "Reconnect this mailbox; what waits is sent then.",
    "outcome_unknown": "Look into the Sent folder or ask the recipient, then resolve the message: resend, assume_sent "
    "or cancel.",
    "expired": "Send it again with a later expires_at.",
    "account_unavailable": "Connect the mailbox again and send a new request.",
}
_TEMPORARY = "Nothing needs to be done: it is tried again by itself."
_REFUSED = "Read the server's words, correct the message or its recipients, and send a new request."


def failure_of(error: ProviderError) -> Failure:
    """Its own remedy goes first; ours stands in where the provider's code gave none."""
    reason = "needs_reauth" if isinstance(error, ReauthRequired) else error.reason
    if isinstance(error, OutcomeUnknown):
        fallback = _REMEDIES["outcome_unknown"]
    else:
        fallback = _TEMPORARY if isinstance(error, Transient) else _REMEDIES.get(reason, _REFUSED)
    return Failure(
        reason=reason or "unknown_error",
        code=error.code[:64],
        words=error.words[:2000],
        remedy=error.remedy or fallback,
    )


def failure(reason: str, words: str = "", remedy: str = "") -> Failure:
    return Failure(reason=reason, words=words[:2000], remedy=remedy or _REMEDIES.get(reason, ""))


def patience_ended(last: Failure) -> Failure:
    """The last temporary refusal, now final."""
    return Failure(
        reason=last.reason,
        code=last.code,
        words=last.words,
        remedy=f"It was tried until patience ended. {last.remedy if last.remedy != _TEMPORARY else _REFUSED}"[:2000],
    )
