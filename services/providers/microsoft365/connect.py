"""auth's face of Microsoft 365: whose mailbox a token opens, and that it can be read; nothing is sent or saved.

That it may send is what the granted scope Mail.Send says: Graph has no way to try without sending.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import httpx

from services.providers.errors import Permanent, Transient
from services.providers.microsoft365.errors import of_answer
from services.providers.protocols import ConnectPolicy
from services.providers.types import Proof

_GRAPH = "https://graph.microsoft.com"
_LARGEST_ANSWER = 1024 * 1024
_PERSON = "/v1.0/me?$select=id,mail,userPrincipalName,proxyAddresses"
_INBOX = "/v1.0/me/mailFolders/inbox?$select=id"


class Microsoft365Connect:
    """Conforms to `protocols.Connect`. `budget`: seconds for the whole proof."""

    def __init__(self, policy: ConnectPolicy, *, budget: float = 15.0) -> None:
        """`policy.hosts["microsoft365"]` may redirect Graph (other clouds, sandboxes): `{"graph": "https://…"}`."""
        redirected: Mapping[str, Any] = (policy.hosts or {}).get("microsoft365") or {}
        self._graph = str(redirected.get("graph", _GRAPH)).rstrip("/")
        self._ca_file = policy.ca_file
        self._budget = budget

    async def prove(self, address: str, settings: Mapping[str, Any], secret: Mapping[str, str]) -> Proof:
        """The proof's address is the mailbox's own, of whichever of its addresses was given."""
        token = secret.get("access_token")
        if not token:
            raise Permanent("missing_secret", words="There is no access token.", remedy="Sign in with Microsoft.")
        try:
            async with (
                asyncio.timeout(self._budget),
                httpx.AsyncClient(
                    base_url=self._graph, headers={"Authorization": f"Bearer {token}"}, verify=self._trust
                ) as graph,
            ):
                person, inbox = await asyncio.gather(_asked(graph, _PERSON), _asked(graph, _INBOX))
        except TimeoutError:
            raise Transient("timeout", words=f"Microsoft Graph did not answer within {self._budget:g} s.") from None
        except httpx.HTTPError as error:
            raise Transient("host_unavailable", words=f"{type(error).__name__} at Microsoft Graph") from error
        own = _require_own(address, person)
        return Proof(own, {**settings, "user_id": str(person.get("id", "")), "inbox": str(inbox.get("id", ""))}, ())

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        trust = ssl.create_default_context()
        if self._ca_file is not None:
            trust.load_verify_locations(self._ca_file)
        return trust


async def _asked(graph: httpx.AsyncClient, path: str) -> dict[str, Any]:
    async with graph.stream("GET", path) as answer:
        body = b""
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) > _LARGEST_ANSWER:
                raise Transient("host_unavailable", words="Microsoft Graph answered without an end.")
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    if answer.status_code == 200 and isinstance(said, dict):
        return said
    if answer.status_code == 200:
        raise Transient("host_unavailable", words="Microsoft Graph answered in no JSON.")
    raise of_answer(answer.status_code, answer.headers, said if isinstance(said, dict) else {}, datetime.now(UTC))


def _require_own(address: str, person: Mapping[str, Any]) -> str:
    """The mailbox's own address. Raises `Permanent` where `address` is none of those it goes by."""
    proxies = person.get("proxyAddresses") or ()
    aliases = [str(proxy)[5:] for proxy in proxies if str(proxy).lower().startswith("smtp:")]
    known = [str(name) for name in (person.get("mail"), person.get("userPrincipalName"), *aliases) if name]
    if not known:
        raise Permanent(
            "no_mailbox", words="Microsoft names no address of this account.", remedy="Use another account."
        )
    if address.casefold() not in {name.casefold() for name in known}:
        raise Permanent(
            "other_mailbox",
            words=f"Microsoft says that this is {known[0]}, not {address}.",
            remedy=f"Sign in again as {address}, or connect {known[0]} as a mailbox of its own.",
        )
    return known[0]
