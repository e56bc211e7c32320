"""Files of an answer travel by reference, never inside an event; what is too large is only named."""

from __future__ import annotations

import base64
import os

from replywire_contracts.streams import REPLIES
from replywire_contracts.v1.reply import ReplyDetected
from replywire_contracts.v1.rpc import Register

from services.runtime.bodies import Bodies
from tests.services.reply_matching.conftest import Service
from tests.services.reply_matching.test_answers import answer, matched, tracked

PICTURE = os.urandom(40_000)


def with_files(*files: tuple[str, bytes]) -> bytes:
    top, _, text = answer().partition(b"\r\n\r\n")
    kept = [line for line in top.split(b"\r\n") if not line.startswith(b"Content-Type")]
    lines = [*kept, b"MIME-Version: 1.0", b'Content-Type: multipart/mixed; boundary="b"', b"", b"--b"]
    lines += [b"Content-Type: text/plain; charset=utf-8", b"", text]
    for name, octets in files:
        lines += [b"--b", f'Content-Type: image/png; name="{name}"'.encode()]
        lines += [f'Content-Disposition: attachment; filename="{name}"'.encode()]
        lines += [b"Content-Transfer-Encoding: base64", b"", base64.encodebytes(octets)]
    return b"\r\n".join([*lines, b"--b--", b""])


async def test_a_file_is_kept_by_reference_with_its_name_type_and_size(service: Service) -> None:
    await service.rpc.call(Register(messages=(tracked(),)))
    await service.product.publish(matched(with_files(("map.png", PICTURE))))
    event = await service.next()
    assert isinstance(event, ReplyDetected)
    [file] = event.attachments
    assert (file.filename, file.content_type, file.size) == ("map.png", "image/png", len(PICTURE))
    js = service.product.connection.jetstream()
    assert await Bodies(js).get(file.object_ref or "") == PICTURE
    stored = await js.get_last_msg(REPLIES.name, event.nats_subject)
    assert len(stored.data or b"") < 10_000
    assert event.new_text.text == "Gladly, at noon."


async def test_a_file_over_the_limit_is_only_named(service: Service) -> None:
    limit = 10 * 2**20
    await service.rpc.call(Register(messages=(tracked(),)))
    large = with_files(("film.png", b"x" * (limit + 1)), ("map.png", PICTURE))
    ref = await service.app.bodies.put(large)
    await service.product.publish(matched(b"").model_copy(update={"raw": None, "object_ref": ref}))
    event = await service.next()
    assert isinstance(event, ReplyDetected)
    film, kept = event.attachments
    assert (film.filename, film.object_ref) == ("film.png", None)
    assert film.size > limit
    assert kept.object_ref is not None
