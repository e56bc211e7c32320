"""Whether an answer is one that the document promises: its status, and its problem's code. One that is not is a bug of
ours, which clients meet before we do: it is logged and counted, and given all the same."""

from __future__ import annotations

from prometheus_client import Counter

from services.runtime.logging import get_logger
from services.runtime.operations import Operation

UNPROMISED = Counter(
    "replywire_http_unpromised_answers_total",
    "Answers with a status or a problem code that the document does not name",
    ("operation", "status", "code"),
)
WORDS = "answered otherwise than described"
_log = get_logger(__name__)


def hold(operation: Operation, status: int, code: str) -> None:
    """`code`: the problem's, empty where it is none."""
    codes = operation.answers.get(status)
    if codes is not None and (code in codes or not (codes or code)):
        return
    UNPROMISED.labels(operation.operation_id, str(status), code).inc()
    _log.error(WORDS, operation=operation.operation_id, status=status, code=code)
