"""Whether the mailbox that signed in is the one being connected. Pure.

Google's `email` and Microsoft's directory say who it is. An address alone is not enough for an account that is there
already: another tenant's administrator can give a user any address, and a new employee can inherit one. So the
provider's own id of the person must be the same too.
"""

from __future__ import annotations

from services.auth.domain.addresses import same_mailbox_key
from services.auth.domain.oauth_app import TITLES
from services.auth.domain.oauth_flow import SignInRefused
from services.auth.domain.tokens import Granted, Tokens


def pinned_address(granted: Granted, wanted: str | None) -> str:
    """The address to prove. `wanted`: the one asked for, or of the account to reconnect. Raises `SignInRefused`, but
    where the provider's proof is what tells all addresses of the mailbox: then that refuses."""
    addresses = granted.identity.addresses
    if wanted is None:
        return addresses[0]
    key = same_mailbox_key(wanted)
    if granted.identity.all_told and key not in {same_mailbox_key(address) for address in addresses}:
        raise SignInRefused(
            "other_mailbox",
            f"You signed in as {addresses[0]}, but this is about {wanted}.",
            remedy=f"Sign in again as {wanted}, or connect {addresses[0]} as a mailbox of its own.",
            field="address",
        )
    return wanted


def require_same_person(granted: Granted, before: Tokens | None) -> None:
    """`before`: what the account's box holds. Raises `SignInRefused`."""
    if before is not None and before.provider is granted.tokens.provider and before.subject != granted.tokens.subject:
        raise SignInRefused(
            "other_person",
            f"The address is the same, but {TITLES[before.provider]} says that it is another person's mailbox now.",
            remedy="Disconnect the account first, then connect the mailbox anew.",
            field="address",
        )
