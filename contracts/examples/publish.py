"""Ask for a mail to be sent from a connected mailbox, then wait for what became of it.
python publish.py nats://product:PASSWORD@localhost:4222 TEAM ACCOUNT_ID RECIPIENT"""

import asyncio
import sys
from uuid import uuid4

from replywire_contracts.nats import Replywire
from replywire_contracts.v1.send import SendFailed, SendRequested, SendSent, SendUnconfirmed
from replywire_contracts.v1.values import Address, Body


async def main(server: str, team: str, account_id: str, recipient: str) -> None:
    async with await Replywire.connect(server) as replywire:
        outcomes = replywire.subscribe(SendSent, SendFailed, SendUnconfirmed, team=team, durable=f"example-{team}")
        request = SendRequested(
            team_id=team,
            request_id=f"example-{uuid4().hex}",  # yours to choose: the same id is never a second mail
            account_id=account_id,
            to=(Address(email=recipient),),
            subject="Lunch on Friday?",
            text=Body(text="Would you join us on Friday?\n"),
        )
        async with outcomes:
            await replywire.publish(request)
            async for outcome in outcomes:
                if outcome.request_id == request.request_id:
                    print(outcome.kind(), outcome.request_id)
                    break


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
