"""IMAP at port 143 is for an operator to allow."""

from __future__ import annotations

from services.auth.settings import Settings
from tests.services.auth.conftest import Auth, Mail, running

AT_143 = {"host": "127.0.0.1", "port": 143, "security": "starttls"}


async def problem(auth: Auth) -> tuple[int, str]:
    body = auth.mail.body(settings=auth.mail.settings(imap=AT_143))
    answer = await (await auth.api()).post("/v1/accounts", json=body)
    return answer.status_code, answer.json()["code"]


async def test_port_143_is_refused(auth: Auth) -> None:
    assert await problem(auth) == (422, "refused_host")


async def test_port_143_is_tried_where_the_operator_allows_it(settings: Settings, mail: Mail) -> None:
    async with running(settings.model_copy(update={"allow_imap_143": True}), mail) as auth:
        status, code = await problem(auth)
    assert code != "refused_host"  # whatever listens there, it is no server that lets this person in
    assert status in (422, 503)
