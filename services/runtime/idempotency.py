"""`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a POST that creates, sent again, creates nothing more.

The same key with the same request gets the first answer again, for `KEPT_FOR`; with another request, 422; while the
first is still under way, 409. Kept in the service's own database, so that it holds across replicas. Only success is
kept: a refused request created nothing and may be corrected and sent under the same key.

An answer may hold a secret that is shown once (a new API key), and a request a password. So what is kept is sealed
under a key derived from the caller's API key and the idempotency key, neither of which we keep: whoever reads the
database reads nothing, and only who sent the request the first time gets its answer a second time.

A process that dies between creating and keeping the answer leaves its mark for `HELD_FOR`: until then 409, after that
the request is carried out anew. Creating is therefore made to bear it wherever it can: a request_id is one e-mail, a
mailbox one account, whatever the header says.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.runtime.mongo import Collection, DuplicateKey
from services.runtime.problems import HttpProblem

HEADER = "Idempotency-Key"
COLLECTION = "idempotency"
INDEX: dict[str, Any] = {"keys": [("expires_at", 1)], "name": "ttl", "expireAfterSeconds": 0}
KEPT_FOR = timedelta(hours=24)
HELD_FOR = timedelta(minutes=3)
_LONGEST = 255
SCHEMA = {"type": "string", "pattern": f'^("[!#-~]{{1,{_LONGEST}}}"|[!#-~]{{1,{_LONGEST}}})$'}
_FORM = re.compile(f'"([!#-~]{{1,{_LONGEST}}})"|([!#-~]{{1,{_LONGEST}}})')
_LARGEST_ANSWER = 8 * 2**20
_NONCE = 12


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """One request under its key: where it is kept, what tells it from another, and what seals its answer."""

    place: str
    fingerprint: bytes
    seal: bytes

    @classmethod
    def of(cls, *, key: str, bearer: str, team_id: str, key_id: str, method: str, target: str, body: bytes) -> Request:
        place = hashlib.sha256(json.dumps([team_id, key_id, key]).encode()).hexdigest()
        root = hmac.digest(bearer.encode(), f"idempotency {key}".encode(), "sha256")
        fingerprint = hmac.digest(root, f"{method} {target}\n".encode() + body, "sha256")
        return cls(place, fingerprint, hmac.digest(root, b"answer", "sha256"))


def read_key(values: list[str]) -> str:
    """The draft's quoted string, or the bare text that many clients send. Raises `HttpProblem` 400."""
    given = _FORM.fullmatch(values[0]) if len(values) == 1 else None
    if given is None:
        raise HttpProblem(
            400,
            "invalid_idempotency_key",
            f"An idempotency key is 1 to {_LONGEST} visible ASCII characters, given once.",
            field=HEADER,
            remedy="Send a UUID of your own, a new one for each thing to create.",
        )
    return given[1] or given[2]


class Answers:
    def __init__(self, collection: Collection) -> None:
        self._kept = collection

    async def begin(self, request: Request) -> Answer | str:
        """The answer that was given, or a token to finish with. Raises `HttpProblem`: 409 while another carries it out,
        422 where the key was used for something else."""
        token, now = secrets.token_hex(8), datetime.now(UTC)
        mark = {
            "fingerprint": request.fingerprint,
            "token": token,
            "held_until": now + HELD_FOR,
            "expires_at": now + KEPT_FOR,
        }
        try:
            await self._kept.insert_one({"_id": request.place, **mark})
            return token
        except DuplicateKey:
            found = await self._kept.find_one({"_id": request.place})
        if found is None:
            raise _under_way()  # it was refused this moment
        if not hmac.compare_digest(found["fingerprint"], request.fingerprint):
            raise HttpProblem(
                422,
                "idempotency_key_reused",
                "This idempotency key was used for another request.",
                field=HEADER,
                remedy="Send a new key with each new request.",
            )
        if "answer" in found:
            return _open(request, found["answer"])
        if found["held_until"] < now:
            taken = await self._kept.update_one({"_id": request.place, "token": found["token"]}, {"$set": mark})
            if taken.modified_count:
                return token
        raise _under_way()

    async def keep(self, request: Request, token: str, answer: Answer) -> None:
        if len(answer.body) > _LARGEST_ANSWER:
            await self.forget(request, token)
            return
        kept = {"$set": {"answer": _sealed(request, answer)}, "$unset": {"held_until": ""}}
        await self._kept.update_one({"_id": request.place, "token": token}, kept)

    async def forget(self, request: Request, token: str) -> None:
        await self._kept.delete_one({"_id": request.place, "token": token})


def _sealed(request: Request, answer: Answer) -> bytes:
    head = json.dumps({"status": answer.status, "headers": dict(answer.headers)}).encode()
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(request.seal).encrypt(nonce, head + b"\n" + answer.body, request.place.encode())


def _open(request: Request, sealed: bytes) -> Answer:
    plain = AESGCM(request.seal).decrypt(sealed[:_NONCE], sealed[_NONCE:], request.place.encode())
    head, _, body = plain.partition(b"\n")
    told = json.loads(head)
    return Answer(told["status"], told["headers"], body)


def _under_way() -> HttpProblem:
    return HttpProblem(
        409,
        "request_under_way",
        "A request with this idempotency key is being carried out.",
        field=HEADER,
        remedy="Send it again after the seconds in `Retry-After`.",
        headers={"Retry-After": "1"},
    )
