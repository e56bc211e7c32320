"""Take a team's messages, send them through any SMTP server, report them, and hand in what comes back by IMAP.
python external_worker.py URL KEY smtps://user:password@host:465 [imaps://user:password@host:993 ACCOUNT_ID]"""

import asyncio
import imaplib
import smtplib
import ssl
import sys
from urllib.parse import SplitResult, unquote, urlsplit

from replywire_contracts.external import External, Work


def submit(to: SplitResult, work: Work) -> None:
    host, port, tls = to.hostname or "", to.port or 0, ssl.create_default_context()
    with smtplib.SMTP_SSL(host, port, context=tls) if to.scheme == "smtps" else smtplib.SMTP(host, port) as smtp:
        if to.username:
            smtp.login(unquote(to.username), unquote(to.password or ""))
        smtp.sendmail(work.sender, work.recipients, work.mime)


async def send(external: External, to: SplitResult) -> None:
    async for work in external.work():
        try:
            await asyncio.to_thread(submit, to, work)
            await external.sent(work)
        except smtplib.SMTPRecipientsRefused as refused:
            await external.failed(work, "refused_recipient", words=str(refused))
        except (smtplib.SMTPResponseException, ssl.CertificateError, ConnectionRefusedError) as later:  # nothing left
            await external.release(work, retry_in=60, words=str(later))
        except (smtplib.SMTPException, OSError) as unknown:  # it may have left: the lease ends without a word
            print(f"{work.request_id}: {unknown}", flush=True)


def look(at: SplitResult, uids: str, section: str) -> list[tuple[int, bytes]]:
    with imaplib.IMAP4_SSL(at.hostname or "", at.port or 993, ssl_context=ssl.create_default_context()) as imap:
        imap.login(unquote(at.username or ""), unquote(at.password or ""))
        imap.select("INBOX", readonly=True)
        _, found = imap.uid("FETCH", uids, f"(UID BODY.PEEK[{section}])")
        return [(int(one[0].split(b"UID ")[1].split()[0]), one[1]) for one in found if isinstance(one, tuple)]


async def hand_in(external: External, at: SplitResult, account_id: str, seen: int = 0) -> None:
    while True:
        new = {uid: head for uid, head in await asyncio.to_thread(look, at, f"{seen + 1}:*", "HEADER") if uid > seen}
        for uid in await external.wanted(account_id, [(str(uid), head) for uid, head in new.items()]):
            for _, raw in await asyncio.to_thread(look, at, uid, ""):
                await external.hand_in(account_id, raw)
        seen = max([seen, *new])
        await asyncio.sleep(1)


async def main(url: str, key: str, smtp: str, imap: str = "", account_id: str = "") -> None:
    async with External(url, key) as external:
        reading = [hand_in(external, urlsplit(imap), account_id)] if imap else []
        await asyncio.gather(send(external, urlsplit(smtp)), *reading)


asyncio.run(main(*sys.argv[1:]))
