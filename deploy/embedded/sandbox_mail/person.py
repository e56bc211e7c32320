"""A person with a mailbox in the sandbox who reads and answers with the standard library's clients."""

from __future__ import annotations

import imaplib
import smtplib
import ssl
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import make_msgid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy.embedded.sandbox import SandboxMail


class Person:
    """Blocking: call from a thread."""

    def __init__(self, sandbox: SandboxMail, address: str) -> None:
        self.address = address
        self._password = sandbox.users[address]
        self._ports = sandbox.ports
        self._trust = ssl.create_default_context(cafile=str(sandbox.ca_file))

    def find(self, folder: str, message_id: str) -> bytes | None:
        """The whole message with this Message-ID, or None."""
        with imaplib.IMAP4_SSL("localhost", self._ports["imap"], ssl_context=self._trust, timeout=30) as box:
            box.login(self.address, self._password)
            box.select(folder, readonly=True)
            _, found = box.uid("SEARCH", "HEADER", "Message-ID", f'"{message_id}"')
            uids = found[0].split() if found and found[0] else []
            if not uids:
                return None
            _, data = box.uid("FETCH", uids[0].decode(), "(BODY.PEEK[])")
            part = data[0]
            return part[1] if isinstance(part, tuple) else None

    def answer(self, received: bytes, words: str) -> str:
        """Answer a received message as mail programs do, quoting it: the answer's Message-ID."""
        original = message_from_bytes(received, policy=policy.default)
        body = original.get_body(("plain",))
        quoted = "".join(f"> {line}\n" for line in (body.get_content().splitlines() if body is not None else ()))
        answer = EmailMessage(policy=policy.SMTP)
        answer["Message-ID"] = make_msgid(domain=self.address.rpartition("@")[2])
        answer["From"] = self.address
        answer["To"] = str(original["Reply-To"] or original["From"])
        answer["Subject"] = f"Re: {original['Subject']}"
        answer["In-Reply-To"] = str(original["Message-ID"]).strip()
        answer["References"] = f"{original.get('References', '')} {str(original['Message-ID']).strip()}".strip()
        answer.set_content(f"{words}\n\nOn {original['Date']}, {original['From']} wrote:\n{quoted}")
        self.submit(answer)
        return str(answer["Message-ID"])

    def submit(self, message: EmailMessage) -> None:
        with smtplib.SMTP("localhost", self._ports["submission"], timeout=30) as client:
            client.starttls(context=self._trust)
            client.login(self.address, self._password)
            client.send_message(message)
