"""auth's facts about connected mailboxes."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from replywire_contracts.event import Event
from replywire_contracts.v1.values import AccountId, Failure


class _AccountEvent(Event):
    NOUN: ClassVar[str] = "account"
    OWNER: ClassVar[str] = "auth"

    account_id: AccountId
    client: str = Field(max_length=32, description="gmail, smtp_imap, microsoft365, ews, external")
    address: str = Field(max_length=320, description="The mailbox's own address")
    revision: int = Field(ge=1, description="Grows with every change; an older one never overrides a newer one")


class AccountConnected(_AccountEvent):
    """A mailbox was connected or reconnected and works both ways."""

    VERB: ClassVar[str] = "connected"


class AccountNeedsReauth(_AccountEvent):
    """The provider refuses the credentials; sending and syncing stop until the person reconnects.

    `reconnect_url` is the page where they do. It opens by a signed link alone, and a link in here would be a key that
    lies in the stream for days: a product asks for one when its person clicks, by `POST /v1/links` with `purpose`
    `reconnect` and this `account_id`, and gets the same page with what opens it."""

    VERB: ClassVar[str] = "needs_reauth"

    failure: Failure
    reconnect_url: str | None = Field(
        default=None,
        max_length=2000,
        description="The mailbox's own page. It opens by the link that `POST /v1/links` gives for `reconnect`; alone "
        "it is no secret and opens for nobody",
    )


class AccountDisconnected(_AccountEvent):
    """The account is gone and its key destroyed."""

    VERB: ClassVar[str] = "disconnected"
