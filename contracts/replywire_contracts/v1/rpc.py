"""Questions between services, over core request/reply: never stored, never on a stream."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, JsonValue

from replywire_contracts.event import Model, Moment, Request, TeamId
from replywire_contracts.v1.send import Metadata
from replywire_contracts.v1.values import AccountId, Evidence, Failure, Identities, Progress, RequestId


class LeasedCredentials(Model):
    """What opens a mailbox, sealed to the asker's key: nothing readable is on the bus."""

    account_id: AccountId
    team_id: TeamId
    client: str
    address: str
    settings: dict[str, JsonValue]
    revision: int
    sealed_secret: bytes = Field(description="X25519 + HKDF-SHA256 + AES-256-GCM box of the JSON secret")
    expires_at: Moment = Field(description="Ask again by then")


class LeaseCredentials(Request):
    """send, inbox_sync → auth. Refused with `unknown_account`, `needs_reauth`, `disconnected`."""

    SUBJECT: ClassVar[str] = "rpc.v1.auth.lease_credentials"
    REPLY: ClassVar[type[Model]] = LeasedCredentials

    account_id: AccountId
    reply_key: bytes = Field(min_length=32, max_length=32, description="The asker's X25519 public key")
    refresh_rejected: int | None = Field(
        default=None, description="The revision whose secret the provider just refused: refresh before leasing again"
    )


class Ack(Model):
    ok: bool = True


class ReportRejected(Request):
    """send, inbox_sync → auth: the provider refuses these credentials."""

    SUBJECT: ClassVar[str] = "rpc.v1.auth.report_rejected"
    REPLY: ClassVar[type[Model]] = Ack

    account_id: AccountId
    revision: int
    reason: str
    code: str = ""
    words: str = Field(default="", max_length=2000)


class AccountView(Model):
    account_id: AccountId
    team_id: TeamId
    client: str
    address: str
    state: str = Field(description="connected, needs_reauth, disconnected")
    revision: int


class AccountPage(Model):
    accounts: tuple[AccountView, ...]
    next: str | None = None


class ListAccounts(Request):
    """send, inbox_sync → auth: what is connected, page by page (by account id); heals a reader that missed events."""

    SUBJECT: ClassVar[str] = "rpc.v1.auth.list_accounts"
    REPLY: ClassVar[type[Model]] = AccountPage

    after: str | None = None
    account_ids: tuple[AccountId, ...] = Field(default=(), max_length=500, description="Only these, where given")
    limit: int = Field(default=500, ge=1, le=1000)


class KeyHolder(Model):
    key_id: str
    team_id: TeamId
    scopes: tuple[str, ...]


class VerifyKey(Request):
    """Every HTTP face → auth: whose API key is this? The key travels hashed. Refused with `unknown_key`."""

    SUBJECT: ClassVar[str] = "rpc.v1.auth.verify_key"
    REPLY: ClassVar[type[Model]] = KeyHolder

    key_hash: str = Field(min_length=64, max_length=64, description="SHA-256 of the key, hex")


class KeyInfo(Model):
    """An API key as people recognise it; never what it is."""

    key_id: str
    name: str = ""
    created_at: Moment
    last_used_at: Moment | None = Field(default=None, description="Exact to a minute")
    expires_at: Moment | None = Field(default=None, description="Set when a successor was made")


class KeyList(Model):
    keys: tuple[KeyInfo, ...] = ()


class ListKeys(Request):
    """send → auth: which working API keys of this team may do that?"""

    SUBJECT: ClassVar[str] = "rpc.v1.auth.list_keys"
    REPLY: ClassVar[type[Model]] = KeyList

    team_id: TeamId
    scope: str = Field(max_length=64)


class MissingStep(Model):
    """What a set-up still lacks: a stable slug, and what to do in words."""

    code: str
    words: str


class ExternalTest(Model):
    """The last test message: its own state, and why it failed, where it did."""

    request_id: RequestId
    state: str
    words: str = ""


class ExternalSetupState(Model):
    """`delivery`: http or nats, once it is chosen."""

    complete: bool
    missing: tuple[MissingStep, ...] = ()
    delivery: str | None = None
    test: ExternalTest | None = None


class ExternalSetup(Request):
    """auth → send: may this team be offered the External client, and what does its set-up lack?"""

    SUBJECT: ClassVar[str] = "rpc.v1.send.external_setup"
    REPLY: ClassVar[type[Model]] = ExternalSetupState

    team_id: TeamId


class ChooseExternalDelivery(Request):
    """auth → send: an admin has chosen how messages are handed over. Refused with `unknown_delivery`."""

    SUBJECT: ClassVar[str] = "rpc.v1.send.choose_external_delivery"
    REPLY: ClassVar[type[Model]] = ExternalSetupState

    team_id: TeamId
    delivery: str = Field(max_length=32, description="http, nats")
    by: str = Field(max_length=200, description="Who chose it")


class ProveExternal(Request):
    """auth → send: put a test message into the team's queue. Refused with `delivery_not_chosen`, `invalid_request`."""

    SUBJECT: ClassVar[str] = "rpc.v1.send.prove_external"
    REPLY: ClassVar[type[Model]] = ExternalSetupState

    team_id: TeamId
    sender: str = Field(max_length=320)
    recipient: str = Field(max_length=320)


class TrackedMessage(Model):
    """A message to be recognised by its answers."""

    team_id: TeamId
    account_id: AccountId
    request_id: RequestId
    identities: Identities
    own_address: str = Field(max_length=320)
    recipients: tuple[str, ...] = Field(max_length=500, description="Bare addresses")
    subject: str = Field(default="", max_length=2000)
    sent_at: Moment
    correlation_id: str = Field(max_length=128)
    metadata: Metadata = Field(default={})


class Register(Request):
    """send → reply_matching, before hand-over: from now on these identities are ours. Adds, never removes."""

    SUBJECT: ClassVar[str] = "rpc.v1.reply_matching.register"
    REPLY: ClassVar[type[Model]] = Ack

    messages: tuple[TrackedMessage, ...] = Field(min_length=1, max_length=500)


class AddedIdentities(Model):
    team_id: TeamId
    request_id: RequestId
    identities: Identities


class AddIdentities(Request):
    """send → reply_matching, after hand-over: names learnt from the provider. Idempotent."""

    SUBJECT: ClassVar[str] = "rpc.v1.reply_matching.add_identities"
    REPLY: ClassVar[type[Model]] = Ack

    messages: tuple[AddedIdentities, ...] = Field(min_length=1, max_length=500)


class JudgedHeaders(Model):
    """One message's judged header fields; `block` is its octets read as latin-1, so that nothing is lost in JSON."""

    ref: str = Field(max_length=1024)
    block: str = Field(max_length=65536)
    received_at: int = Field(description="Unix seconds: read and written by the ten thousand, so no date text")
    thread: str | None = Field(default=None, max_length=512)
    own: bool = Field(default=False, description="The provider says that the mailbox's own person sent it")


class Verdict(Model):
    """`kind`: match, look_inside. What is not named in the answer is unrelated: discard it."""

    ref: str
    kind: str
    request_id: str | None = None
    matched_by: str | None = None
    confidence: str | None = None
    evidence: tuple[Evidence, ...] = ()


class Verdicts(Model):
    verdicts: tuple[Verdict, ...] = ()


class Judge(Request):
    """inbox_sync → reply_matching: which of these are ours? `inside`: the blocks are reports' parts (second pass)."""

    SUBJECT: ClassVar[str] = "rpc.v1.reply_matching.judge"
    REPLY: ClassVar[type[Model]] = Verdicts

    team_id: TeamId
    account_id: AccountId
    own_address: str = Field(max_length=320)
    messages: tuple[JudgedHeaders, ...] = Field(min_length=1, max_length=1000)
    inside: bool = False


class Held(Model):
    refs: tuple[str, ...] = Field(description="Those of the asked that reply_matching holds, or has judged for good")


class ConfirmHeld(Request):
    """inbox_sync → reply_matching: which matched messages do you hold? Owed `inbox.matched` events end with this."""

    SUBJECT: ClassVar[str] = "rpc.v1.reply_matching.confirm_held"
    REPLY: ClassVar[type[Model]] = Held

    account_id: AccountId
    refs: tuple[str, ...] = Field(max_length=500)


class MailboxState(Model):
    """How the reading of one mailbox goes."""

    state: str = Field(
        description="waiting, connecting, first_sync, watching, stalled, needs_reauth, disconnected; may grow"
    )
    explanation: str = Field(max_length=500, description="The state in plain words")
    synced_to: Moment | None = Field(default=None, description="Everything that had arrived by then is judged")
    failure: Failure | None = Field(default=None, description="Why it cannot be read at present")
    failing_since: Moment | None = None
    progress: Progress | None = Field(default=None, description="Of the first sync, or of the last one asked for")
    complete: bool = Field(default=False, description="That sync has come to its end")


class MailboxStatus(Request):
    """auth → inbox_sync: how does the reading of this mailbox go? Refused with `unknown_account`: not taken in yet."""

    SUBJECT: ClassVar[str] = "rpc.v1.inbox_sync.mailbox_status"
    REPLY: ClassVar[type[Model]] = MailboxState

    team_id: TeamId
    account_id: AccountId
