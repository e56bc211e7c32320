"""`replywire explain`: why a message was judged and classified as it was - a file's, a reply's or a request's."""

from __future__ import annotations

from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from services.cli.api import Api
from services.cli.commands import FOLDER, AsJson, Folder
from services.cli.errors import UNUSABLE, CannotGoOn
from services.cli.output import Output, cell
from services.cli.target import find


def explain(
    what: Annotated[str, typer.Argument(help="An .eml file, a reply_id, or the request_id of a message.")],
    as_json: AsJson = False,
    folder: Folder = FOLDER,
) -> None:
    """Show the evidence behind a classification, a match, or a message's state. A file is judged here, unsent."""
    out = Output(as_json)
    file = Path(what)
    if file.suffix == ".eml" or file.is_file():
        _explain_file(file, out)
        return
    with Api(find(folder)) as api:
        try:
            reply = api.get("reply_matching", f"/v1/replies/{what}")
        except CannotGoOn as error:
            if error.code != "not_found":
                raise
        else:
            _explain_reply(reply, out)
            return
        message = api.get("send", f"/v1/messages/{what}")
    _explain_message(message, out)


def _explain_file(file: Path, out: Output) -> None:
    from services.reply_matching.domain.explain import explain as judge_alone

    try:
        raw = file.read_bytes()
    except OSError as error:
        raise CannotGoOn(f"{file} cannot be read: {error.strerror}.", status=UNUSABLE) from None
    explained = judge_alone(raw)
    classification = explained.classification
    out.say(f"class [bold]{cell(classification.klass)}[/bold]  (how sure: {classification.confidence})")
    _evidence(classification.evidence, out)
    out.say(f"new text  “{escape(explained.reply.new.strip())}”")
    out.value(_plain(explained))


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
        out.say(f"  · {escape(str(rule))}: {escape(str(seen))}")


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
