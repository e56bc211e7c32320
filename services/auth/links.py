"""Making the links that a product leads its people to our pages by, and following them: once, and into a visit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from services.auth.connecting import Who
from services.auth.domain import links, page_session
from services.auth.domain.links import Link, LinkRefusal, LinkRefused, Purpose, Role
from services.auth.domain.page_session import PageSession
from services.auth.domain.refusals import no_such_account
from services.auth.ports import Accounts, KeyRings, PageSessions

PAGE_OF = {Purpose.CONNECT: "/connect", Purpose.RECONNECT: "/mailboxes", Purpose.SETTINGS: "/settings"}
"""Where a link of each purpose leads."""


def mailbox_page(public_url: str) -> Callable[[str], str]:
    """The address of an account's own page; who is on no visit is told there how to come by one."""
    return lambda account_id: f"{public_url.rstrip('/')}{PAGE_OF[Purpose.RECONNECT]}/{account_id}"


@dataclass(frozen=True, slots=True)
class Links:
    accounts: Accounts
    rings: KeyRings
    sessions: PageSessions
    public_url: str
    now: Callable[[], datetime]

    async def make(
        self,
        who: Who,
        purpose: Purpose,
        person: str,
        role: Role,
        return_to: str,
        life: timedelta,
        account_id: str | None = None,
    ) -> tuple[str, Link]:
        """The address to send the person to. Raises `Invalid`, or `NotFound` for a foreign or unknown account."""
        link = links.make_link(
            purpose, who.team_id, person, role, return_to, self.now(), life=life, account_id=account_id
        )
        if account_id is not None and await self.accounts.of_team(who.team_id, account_id) is None:
            raise no_such_account()
        query = urlencode({"link": links.sign(self.rings.ring(), link)})
        return f"{self.public_url.rstrip('/')}{PAGE_OF[purpose]}?{query}", link

    async def follow(self, text: str, purpose: Purpose) -> tuple[str, PageSession]:
        """What goes into the browser's cookie, and the visit that it opens. The link is spent. Raises `LinkRefused`."""
        now = self.now()
        link = links.read(self.rings.ring(), text, purpose, now)
        cookie = page_session.new_cookie()
        session = page_session.begin(link, cookie, now)
        if not await self.sessions.open(link, session):
            raise LinkRefused(LinkRefusal.SPENT)
        return cookie, session
