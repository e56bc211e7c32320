"""Proves an SMTP and an IMAP server by a real login each, side by side; nothing is sent or saved."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from services.providers.endpoint import SMTP_PASSWORD, Endpoint, require_permitted_security, secret_of
from services.providers.errors import Permanent, ProviderError, ReauthRequired, Transient
from services.providers.hosts import refused
from services.providers.imap.proof import ImapProof, prove_imap
from services.providers.protocols import ConnectPolicy
from services.providers.smtp.dial import dial
from services.providers.smtp.envelope import path
from services.providers.smtp.errors import CAUGHT, mapped
from services.providers.smtp.replies import Stage, error_of
from services.providers.smtp.timeouts import Timeouts

_T = TypeVar("_T")

_TOLD = ("IDLE", "UIDPLUS", "SPECIAL-USE", "QRESYNC", "CONDSTORE")
_SUBMISSION = ("pipelining", "8bitmime", "smtputf8", "size")


@dataclass(frozen=True, slots=True)
class ProvenServers:
    """What the two servers told: `submission` names SMTP extensions."""

    submission: tuple[str, ...]
    imap: ImapProof

    @property
    def abilities(self) -> tuple[str, ...]:
        return (*self.submission, *(ability.lower() for ability in _TOLD if ability in self.imap.capabilities))


class BothWays:
    """`budget`: seconds for both logins together."""

    def __init__(self, policy: ConnectPolicy, *, budget: float = 15.0) -> None:
        self._policy = policy
        self._budget = budget

    async def prove(self, address: str, smtp: Endpoint, imap: Endpoint, secret: Mapping[str, str]) -> ProvenServers:
        """Raises `Permanent` or `Transient`, saying which server it is about: as `protocols.Connect`."""
        for endpoint in (smtp, imap):
            require_permitted_security(endpoint, self._policy)
        submission, read = await asyncio.gather(
            self._told("SMTP", smtp, self._prove_smtp(address, smtp, secret)),
            self._told("IMAP", imap, prove_imap(imap, secret, self._policy, timeout=self._budget)),
        )
        if isinstance(submission, ProviderError) or isinstance(read, ProviderError):
            raise _both([each for each in (submission, read) if isinstance(each, ProviderError)])
        return ProvenServers(submission, read)

    async def _prove_smtp(self, address: str, endpoint: Endpoint, secret: Mapping[str, str]) -> tuple[str, ...]:
        """Log in, and name the sender without sending: what the server refuses later, the person should know now."""
        timeouts = Timeouts(connect=self._budget, reply=self._budget)
        connection = await dial(endpoint, secret_of(endpoint, secret, SMTP_PASSWORD), self._policy, timeouts)
        try:
            connection.dialogue.send(b"MAIL FROM:%b\r\n" % path(address), 1)
            reply = await connection.dialogue.reply(self._budget)
        except CAUGHT as failed:
            raise mapped(failed, Stage.MAIL, endpoint.host) from failed
        finally:
            connection.end()
        if reply.code >= 500:
            raise error_of(reply, Stage.MAIL)
        return tuple(extension for extension in _SUBMISSION if connection.extensions.get(extension) is not None)

    async def _told(self, protocol: str, endpoint: Endpoint, proving: Coroutine[Any, Any, _T]) -> _T | ProviderError:
        """The proof, or the error that says which server it is about."""
        where = f"{protocol} server {endpoint.host}:{endpoint.port}"
        try:
            async with asyncio.timeout(self._budget):
                return await proving
        except TimeoutError:
            return Transient("timeout", words=f"The {where} did not answer within {self._budget:g} s.")
        except ProviderError as error:
            return _spoken(error, where, endpoint)


def _spoken(error: ProviderError, where: str, endpoint: Endpoint) -> ProviderError:
    if error.reason == "unknown_host":
        return refused(endpoint.host, endpoint.port)  # in the words of every other refusal
    if error.reason == "refused_host":
        return error
    said = f"{error.code} {error.words}".strip() if error.code else error.words
    words = f"The {where} {'said' if error.code else 'failed'}: {said}"
    if isinstance(error, ReauthRequired):
        reason = "other_client" if error.reason == "basic_auth_off" else error.reason
        return Permanent(reason, words=words, code=error.code, remedy=error.remedy)
    if isinstance(error, Transient) and error.reason != "starttls_refused":
        return Transient(
            error.reason,
            words=words,
            code=error.code,
            remedy=error.remedy,
            retry_after=error.retry_after,
            scope=error.scope,
        )
    return Permanent(error.reason, words=words, code=error.code, remedy=error.remedy)


def _both(errors: list[ProviderError]) -> ProviderError:
    """The one that a person must act on speaks first; the other server's words are told too."""
    errors.sort(key=lambda error: isinstance(error, Transient))
    first = errors[0]
    first.other = errors[1] if len(errors) > 1 else None
    first.words = " ".join(dict.fromkeys(error.words for error in errors))
    first.remedy = " ".join(dict.fromkeys(error.remedy for error in errors if error.remedy))
    return first
