"""Reads the labelled messages of `tests/fixtures/held_out`; its README tells their form. Knows nothing of the rules."""

from __future__ import annotations

import base64
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.header import Header
from hashlib import blake2b
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "fixtures" / "held_out"
PARTS = ("tuning", "test", "last", "fresh")
"""Two halves, and what was written each time that all before had been looked at."""
ORIGINAL = "rw-4f1c2a9e"
_ADDED = {
    "To": "Alice Moreau <alice@example.com>",
    "Date": "Tue, 14 May 2024 10:12:44 +0200",
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=utf-8",
}
_RETURNED = f"""\
Received: from mail.example.com (mail.example.com [192.0.2.10]) by relay.example.net; Mon, 13 May 2024 16:05:12 +0200
From: Alice Moreau <alice@example.com>
To: {{address}}
Subject: Pilot in June?
Date: Mon, 13 May 2024 16:05:11 +0200
Message-ID: <{ORIGINAL}@example.com>
X-Replywire-Id: {ORIGINAL}
MIME-Version: 1.0"""


@dataclass(frozen=True, slots=True)
class Label:
    """What is true of a message; a set holds every answer that is right."""

    classes: frozenset[str]
    hardness: frozenset[str]
    recipients: dict[str, tuple[str, frozenset[str]]]
    returns: str | None
    unsubscribe: bool | None
    new: str | None


@dataclass(frozen=True, slots=True)
class HeldOut:
    name: str
    kind: str
    label: Label
    raw: bytes

    @property
    def part(self) -> str:
        if self.kind in PARTS:
            return self.kind
        return ("tuning", "test")[blake2b(self.name.encode(), digest_size=1).digest()[0] & 1]


def held_out() -> Iterator[HeldOut]:
    for path in sorted(FOLDER.glob("*.mails")):
        for entry in path.read_text(encoding="utf-8").split("#### ")[1:]:
            head, _, source = entry.partition("\n----\n")
            name, *lines = head.splitlines()
            told = [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]
            ways = dict(told)
            raw = _message(name, source, ways.get("charset", "utf-8"), ways.get("encode", "8bit"))
            yield HeldOut(name, path.stem, _label(told), raw)


def _label(told: list[tuple[str, str]]) -> Label:
    facts = dict(told)
    recipients = {}
    for key, value in told:
        if key == "to":
            address, *fate = value.split()
            action, reasons = fate if len(fate) == 2 else ("failed", fate[0])
            recipients[address] = (action, frozenset(reasons.split("|")))
    return Label(
        classes=frozenset(facts["class"].split("|")),
        hardness=frozenset(facts["hardness"].split("|")) if "hardness" in facts else frozenset(),
        recipients=recipients,
        returns=facts.get("returns"),
        unsubscribe=facts["unsubscribe"] == "yes" if "unsubscribe" in facts else None,
        new=facts.get("new"),
    )


def _message(name: str, source: str, charset: str, encoding: str) -> bytes:
    source = re.sub(r"(?m)^@original (\S+)$", lambda found: _RETURNED.format(address=found[1]), source)
    head, _, body = source.partition("\n\n")
    fields = [_encoded_field(line, charset) for line in head.split("\n")]
    present = {line.partition(":")[0].lower() for line in fields}
    fields += [f"{key}: {value}" for key, value in _ADDED.items() if key.lower() not in present]
    if "message-id" not in present:
        fields.append(f"Message-ID: <{name}@mx.example.net>")
    if re.search(r"(?m)^@@", body):
        fields = [
            f'{line}; boundary="=_{name}"' if line.lower().startswith("content-type:") else line for line in fields
        ]
        body = _parts(body, f"=_{name}", charset)
    octets = body.encode(charset)
    if encoding == "base64":
        octets = base64.encodebytes(octets)
    elif encoding == "qp":
        encoding, octets = "quoted-printable", quopri.encodestring(octets)
    if encoding != "8bit":
        fields.append(f"Content-Transfer-Encoding: {encoding}")
    return "\n".join(fields).encode(charset) + b"\n\n" + octets


def _parts(body: str, boundary: str, charset: str) -> str:
    """Each part after its `@@` line, between boundaries."""
    written = []
    for part in re.split(r"(?m)^@@", body)[1:]:
        kind, _, text = part.partition("\n")
        way, _, kind = kind.partition(" ")
        if way == "b64":
            text = base64.encodebytes(text.encode(charset)).decode()
            kind += "\nContent-Transfer-Encoding: base64"
        written.append(f"--{boundary}\nContent-Type: {kind}\n\n{text}")
    return "\n".join([*written, f"--{boundary}--\n"])


def _encoded_field(line: str, charset: str) -> str:
    """The words of a field as programs write them: an encoded word where they are not ASCII."""
    if line.isascii():
        return line
    name, _, value = line.partition(": ")
    words, bracket, address = value.partition(" <")
    return f"{name}: {Header(words, charset, maxlinelen=10_000).encode()}{bracket}{address}"
