"""Puts the fetched parts of a report together again as a `multipart/report` (RFC 6522) small enough to judge."""

from __future__ import annotations

import re
from collections.abc import Sequence
from secrets import token_hex

from services.providers.imap.structure import Part

_ENCODING = re.compile(r"[a-z0-9-]{1,32}\Z")


def assemble(parts: Sequence[tuple[Part, bytes]]) -> bytes:
    """The parts in their order, each with its type and transfer encoding and the octets the server gave."""
    kinds = {part.type for part, _ in parts}
    report_type = "feedback-report" if "message/feedback-report" in kinds else "delivery-status"
    boundary = token_hex(24)  # nobody who wrote the parts could know it
    pieces = [
        "MIME-Version: 1.0\r\n"
        f'Content-Type: multipart/report; report-type={report_type}; boundary="{boundary}"\r\n\r\n'.encode("ascii")
    ]
    for part, content in parts:
        encoding = part.encoding if _ENCODING.match(part.encoding) else "8bit"
        head = f"--{boundary}\r\nContent-Type: {part.type}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
        pieces += [head.encode("ascii"), content, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode("ascii"))
    return b"".join(pieces)
