"""`python -m deploy.embedded.sandbox_mail`: the sandbox mail server, until SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import shutil
import signal
import warnings
from contextlib import AsyncExitStack

from deploy.embedded.sandbox_mail import smtp
from deploy.embedded.sandbox_mail.certificates import CA_FILE, server_context
from deploy.embedded.sandbox_mail.imap import Imap
from deploy.embedded.sandbox_mail.ledger import Ledger
from deploy.embedded.sandbox_mail.settings import SandboxSettings

_log = logging.getLogger("replywire.sandbox_mail")


async def run(settings: SandboxSettings) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    context = server_context(settings.folder / "tls", settings.names)
    if settings.trust_file is not None:
        shutil.copyfile(settings.folder / "tls" / CA_FILE, settings.trust_file)
    imap = Imap(settings.folder / "mail", settings.users, settings.max_message)
    handler = smtp.Submission(imap, Ledger(settings.folder / "accepted.jsonl"), settings.users)
    limit = settings.max_message
    async with AsyncExitStack() as open_servers:
        servers = [
            await imap.listen(settings.host, settings.imap_port, context),
            await smtp.listen(handler, settings.host, settings.submission_port, starttls=context, max_message=limit),
            await smtp.listen(handler, settings.host, settings.smtps_port, implicit_tls=context, max_message=limit),
        ]
        if settings.plain_imap_port is not None:
            servers.append(await imap.listen(settings.host, settings.plain_imap_port, None))
        if settings.plain_smtp_port is not None:
            servers.append(await smtp.listen(handler, settings.host, settings.plain_smtp_port, max_message=limit))
        for server in servers:
            open_servers.callback(server.close)
        _log.info("ready: %s", ", ".join(str(server.sockets[0].getsockname()[1]) for server in servers))
        await stopped.wait()


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd's: a line per command
    # It cannot tell that a listener is TLS from the first byte.
    warnings.filterwarnings("ignore", message="Requiring AUTH while not requiring TLS")
    asyncio.run(run(SandboxSettings()))


if __name__ == "__main__":
    main()
