"""`replywire explain`: why a message was judged and classified as it was - a file's, a reply's or a request's."""

from __future__ import annotations

from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from services.cli.api import Api, in_path
from services.cli.commands import FOLDER, AsJson, Folder
from services.cli.errors import UNUSABLE, CannotGoOn
from services.cli.output import Output, cell
from services.cli.target import find

if TYPE_CHECKING:
    from services.reply_matching.domain.classification import Classification
    from services.reply_matching.domain.explain import Explanation


def explain(
    what: Annotated[str, typer.Argument(help="An .eml file, a reply_id, or the request_id of a message.")],
    tracked: Annotated[
        list[str] | None,
        typer.Option(
            help="With a file, may be repeated: a message it may answer - a Message-ID, the .eml that was sent, or a "
            "JSON file with message_ids, recipients, subject, sent_at."
        ),
    ] = None,
    as_json: AsJson = False,
    folder: Folder = FOLDER,
) -> None:
    """Show the evidence behind a classification, a match, or a message's state. A file is judged here and sent
    nowhere."""
    out = Output(as_json)
    file = Path(what)
    if file.suffix == ".eml" or file.is_file():
        _explain_file(file, tracked or [], out)
        return
    with Api(find(folder)) as api:
        try:
            reply = api.get(f"/v1/replies/{in_path(what)}")
        except CannotGoOn as error:
            if error.code != "not_found":
                raise
        else:
            _explain_reply(reply, out)
            return
        message = api.get(f"/v1/messages/{in_path(what)}")
    _explain_message(message, out)


def _explain_file(file: Path, named: list[str], out: Output) -> None:
    from services.cli.tracked import date_of, tracked_message
    from services.reply_matching.domain.explain import explain as judge_alone
    from services.reply_matching.domain.headers import parse_block

    try:
        raw = file.read_bytes()
    except OSError as error:
        raise CannotGoOn(f"{file} cannot be read: {error.strerror}.", status=UNUSABLE) from None
    written = date_of(parse_block(raw)) or datetime.now(UTC)
    explained = judge_alone(raw, [tracked_message(one, written) for one in named], received_at=written)
    _classification(explained.classification, out)
    _verdict(explained, out)
    if explained.reply.new.strip():
        out.say(f"new text  “{escape(explained.reply.new.strip())}”")
    told = asdict(explained)
    if told["verdict"] is not None:
        del told["verdict"]["members"], told["verdict"]["ref"]  # hashes, and the caller's own name for the message
    out.value(told)


def _classification(found: Classification, out: Output) -> None:
    from services.reply_matching.domain.reasons import REASONS

    hard = f", {found.hardness}" if found.hardness else ""
    out.say(f"class [bold]{cell(found.klass)}[/bold]{hard}  (how sure: {found.confidence})")
    _evidence(found.evidence, out)
    if found.return_date:
        out.say(f"  back on {found.return_date}")
    if found.unsubscribe_request:
        out.say("  asks to hear no more")
    for one in found.recipients:
        fate = ", ".join(filter(None, (one.action, one.hardness, one.status)))
        out.say(f"recipient {escape(one.address or 'not named')}: {escape(fate)}")
        if one.reason:
            out.say(f"  {escape(REASONS.get(one.reason, one.reason))}  ({escape(one.reason)})")
        if one.words:
            out.say(f"  “{escape(one.words)}”")


def _verdict(explained: Explanation, out: Output) -> None:
    verdict = explained.verdict
    if verdict is None:
        out.say("match     not asked: name the messages it may answer with --tracked")
    elif verdict.own:
        out.say("match     none: it is our own side's message")
    elif verdict.tracked is None:
        out.say("match     none of the tracked messages")
    else:
        inside = ", by what the report carries inside" if explained.looked_inside else ""
        out.say(f"match     [bold]{escape(verdict.tracked.request_id)}[/bold] by {verdict.matched_by}{inside}")
        out.say(f"  (how sure: {verdict.confidence})")
        _evidence(verdict.evidence, out)
        out.say(f"  · sender {'is' if verdict.sender_matches else 'is not'} a recipient: {escape(verdict.sender)}")
        if verdict.subject_changed:
            out.say("  · subject changed")


def _explain_reply(reply: dict[str, Any], out: Output) -> None:
    event = reply["event"]
    out.say(f"{reply['reply_id']} answers [bold]{escape(reply['request_id'])}[/bold]: {cell(reply['class'])}")
    out.say(f"matched by {event.get('matched_by')} ({event.get('confidence')})")
    _evidence(event.get("evidence", ()), out)
    out.say(f"new text  “{escape(reply['new_text'].strip())}”")
    out.value(reply)


def _explain_message(message: dict[str, Any], out: Output) -> None:
    out.say(f"[bold]{escape(message['request_id'])}[/bold] is {cell(message['state'])}")
    failure = message.get("failure")
    if failure:
        out.say(f"  {escape(' '.join(str(failure.get(k, '')) for k in ('code', 'words')))}")
        out.say(f"  → {escape(failure.get('remedy', ''))}")
    for step in message.get("history", ()):
        out.say(f"  [dim]{step.get('at')}[/dim] {cell(step.get('state'))} {escape(str(step.get('detail') or ''))}")
    out.value(message)


def _evidence(evidence: Any, out: Output) -> None:
    for fact in evidence:
        told = fact if isinstance(fact, dict) else _plain(fact)
        rule, seen = told.get("rule") or told.get("sign", ""), told.get("detail") or told.get("seen", "")
        out.say(f"  · {escape(str(rule))}{': ' if seen else ''}{escape(str(seen))}")


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
