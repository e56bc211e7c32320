"""Nothing of unrelated mail is kept: strings planted in a thousand mails are nowhere on disk afterwards."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from replywire_contracts.v1.reply import ReplyDetected
from replywire_contracts.v1.send import SendSent

from tests.flows.test_main_path import bounce_of
from tests.flows.world import ADA, World, a_world
from tests.servers.choice import EMBEDDED, chosen
from tests.servers.dovecot import PASSWORD
from tests.servers.stack import TEAM

pytestmark = pytest.mark.xdist_group("privacy")

PLANTED, CONTROL = "zqPlantedzq", "zqControlzq"
UNRELATED = 1_000


def unrelated(number: int) -> bytes:
    """A mail with the string in every header that is judged and many that are not, and in every kind of part."""
    mark = f"{PLANTED}{number}"
    kinds = (_letter, _newsletter, _foreign_answer, _foreign_bounce, _encoded)
    return kinds[number % len(kinds)](mark)


def _headers(mark: str) -> str:
    return (
        f"Return-Path: <{mark}@example.net>\r\nReceived: from {mark}.example.net by mx.example.com; Mon, 2 Mar 2026 "
        f"10:00:00 +0000\r\nFrom: {mark} <{mark}@example.net>\r\nTo: {mark} <ada@example.com>\r\n"
        f"Cc: {mark}-cc@example.net\r\nSubject: Re: {mark}\r\nMessage-ID: <{mark}@example.net>\r\n"
        f"X-{mark}: {mark}\r\nDate: Mon, 2 Mar 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n"
    )


def _letter(mark: str) -> bytes:
    return (_headers(mark) + f"Content-Type: text/plain\r\n\r\nDear Ada, {mark}\r\n").encode()


def _newsletter(mark: str) -> bytes:
    return (
        _headers(mark) + f"List-Id: <{mark}.example.net>\r\nPrecedence: bulk\r\n"
        f'Content-Type: multipart/mixed; boundary="{mark}"\r\n\r\n--{mark}\r\nContent-Type: text/html\r\n\r\n'
        f"<p>{mark}</p>\r\n--{mark}\r\nContent-Type: text/plain; name={mark}.txt\r\n"
        f"Content-Disposition: attachment; filename={mark}.txt\r\n\r\n{mark}\r\n--{mark}--\r\n"
    ).encode()


def _foreign_answer(mark: str) -> bytes:
    return (
        _headers(mark) + f"In-Reply-To: <{mark}-parent@example.net>\r\nReferences: <{mark}-root@example.net>\r\n"
        f"Thread-Index: {base64.b64encode((mark * 4)[:27].encode()).decode()}\r\n"
        f"Content-Type: text/plain\r\n\r\n{mark}\r\n> {mark}\r\n"
    ).encode()


def _foreign_bounce(mark: str) -> bytes:
    """Its report parts are fetched into memory and judged: that is the way most likely to leave something."""
    report = bounce_of(f"<{mark}-original@example.net>", recipient=f"{mark}@example.net").decode()
    return report.replace("Lunch on Friday?", mark).replace("Would you join us?", mark).encode()


def _encoded(mark: str) -> bytes:
    word = base64.b64encode(mark.encode()).decode()
    return (
        _headers(mark).replace(f"Subject: Re: {mark}", f"Subject: =?utf-8?b?{word}?=")
        + f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{word}\r\n"
    ).encode()


def forms(text: str) -> set[bytes]:
    """The string as it could be written: plain, UTF-16, and base64 at each of its three alignments."""
    raw = text.encode()
    encoded = {base64.b64encode(b"\0" * shift + raw)[shift and 4 : -4] for shift in range(3)}
    return {raw, raw.lower(), text.encode("utf-16-le"), raw.hex().encode(), *encoded}


def places(folder: Path, wanted: set[bytes]) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_file():
            octets = path.read_bytes()
            for form in wanted:
                at = octets.find(form)
                if at >= 0:
                    yield f"{path.relative_to(folder)}: …{octets[max(at - 60, 0) : at + 60]!r}…"


async def test_a_thousand_unrelated_mails_leave_no_trace(tmp_path: Path) -> None:
    if chosen() != EMBEDDED:
        pytest.skip("the files of containers cannot be searched from here")
    temporary = tmp_path / "stack" / "tmp"
    temporary.mkdir(parents=True)
    everyone = {key: {"TMPDIR": str(temporary)} for key in ("auth", "send", "inbox_sync", "reply_matching")}
    async with a_world(tmp_path, env=everyone, searchable_files=True, forked=False) as world:
        for service in world.running.stack.services.values():
            told = Path(f"/proc/{service.process.pid}/environ").read_bytes()
            assert f"TMPDIR={temporary}".encode() in told, "temporary files would go where nobody looks"
        untouched = temporary.stat().st_mtime_ns
        half = [unrelated(number) for number in range(UNRELATED // 2)]
        world.dovecot.deliver(ADA, *half)
        account = await world.connect()
        sent = await sent_mail(world, account)
        world.dovecot.deliver(ADA, *[unrelated(number) for number in range(UNRELATED // 2, UNRELATED)])
        world.dovecot.deliver(ADA, unrelated(UNRELATED), folder="Junk")
        world.answer(sent, f"Gladly. {CONTROL}")
        await world.heard.wait(ReplyDetected, request_id="private-1")
        await until_read(world, account)
        assert temporary.stat().st_mtime_ns == untouched, "a temporary file was made, if only for a moment"
    stack = tmp_path / "stack"
    assert list(places(stack / "mongodb", forms(CONTROL))), "what is kept is not found either: this search sees nothing"
    assert list(places(stack / "nats", forms(CONTROL))), "nor is it found in the files of the streams that tell it"
    assert list(places(stack / "logs", {TEAM.encode(), b"mailbox", b"ready"})), "there are no logs to search"
    assert list(places(stack, forms(PLANTED))) == []
    assert list(places(stack, forms(PASSWORD))) == [], "the mailbox's own password lies there in clear"


async def sent_mail(world: World, account: str) -> SendSent:
    await world.send(account, "private-1")
    [sent] = await world.heard.wait(SendSent, request_id="private-1")
    return sent


async def until_read(world: World, account: str) -> None:
    """Until a later answer was announced too: everything before it has then been judged."""
    await world.send(account, "private-2")
    [sent] = await world.heard.wait(SendSent, request_id="private-2")
    world.answer(sent, "And this one?")
    await world.heard.wait(ReplyDetected, request_id="private-2")
