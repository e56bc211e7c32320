"""What `--tracked` names: a message that was sent, by its Message-ID, its .eml, or a JSON file that describes it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from services.cli.errors import UNUSABLE, CannotGoOn
from services.reply_matching.domain.addresses import addresses_of, normal_address
from services.reply_matching.domain.headers import Headers, message_ids, parse_block
from services.reply_matching.domain.judged import Tracked
from services.reply_matching.domain.subjects import normal_subject

_REMEDY = (
    "Give a Message-ID, the .eml of a message that was sent, or a JSON file with message_ids, recipients, subject."
)


class Described(BaseModel):
    """The JSON form; `sent_at` with a time zone."""

    model_config = ConfigDict(extra="forbid")

    message_ids: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    subject: str = ""
    sent_at: AwareDatetime | None = None
    request_id: str = ""


def tracked_message(named: str, otherwise: datetime) -> Tracked:
    """`otherwise`: when it was sent, where nothing tells."""
    file = Path(named)
    if file.suffix not in (".eml", ".json") and "@" in named:
        return _tracked(Described(message_ids=(named,)), named.strip("<>"), otherwise)
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise CannotGoOn(
            f"--tracked {named} cannot be read: {error.strerror}.", remedy=_REMEDY, status=UNUSABLE
        ) from None
    if file.suffix == ".json":
        try:
            return _tracked(Described.model_validate(json.loads(raw)), file.stem, otherwise)
        except ValidationError as invalid:
            first = invalid.errors(include_input=False, include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            raise CannotGoOn(f"--tracked {named}: {field}: {first['msg']}.", remedy=_REMEDY, status=UNUSABLE) from None
        except ValueError as error:
            raise CannotGoOn(f"--tracked {named} is not JSON: {error}.", remedy=_REMEDY, status=UNUSABLE) from None
    headers = parse_block(raw)
    described = Described(
        message_ids=message_ids(headers.raw(b"message-id")),
        recipients=addresses_of(headers.raw(b"to")) + addresses_of(headers.raw(b"cc")),
        subject=headers.text(b"subject"),
        sent_at=date_of(headers),
    )
    return _tracked(described, file.stem, otherwise)


def date_of(headers: Headers) -> datetime | None:
    """The Date field; None where it cannot be read."""
    try:
        written = parsedate_to_datetime(headers.text(b"date")[:100])
    except (ValueError, IndexError, OverflowError):
        return None
    return written if written.tzinfo else written.replace(tzinfo=UTC)


def _tracked(described: Described, name: str, otherwise: datetime) -> Tracked:
    return Tracked(
        request_id=described.request_id or name,
        team_id="explained",
        account_id="explained",
        recipients=tuple(normal_address(address) for address in described.recipients),
        subject_key=normal_subject(described.subject),
        sent_at=described.sent_at or otherwise,
        message_ids=described.message_ids,
    )
