"""Print every answer to a team's mails, as it comes and what was missed while away.
python subscribe.py nats://product:PASSWORD@localhost:4222 TEAM"""

import asyncio
import sys

from replywire_contracts.nats import Replywire
from replywire_contracts.v1.reply import ReplyDetected


async def main(server: str, team: str) -> None:
    async with await Replywire.connect(server) as replywire:
        async for reply in replywire.subscribe(ReplyDetected, team=team, durable=f"example-{team}"):
            print(
                reply.request_id, reply.sender and reply.sender.email, await replywire.body(reply.new_text), flush=True
            )


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
