"""What is counted, for Prometheus. Labels are kinds and outcomes, never accounts or addresses.

What operators should be told of is in `deploy/prometheus/replywire.rules.yaml`, whose test knows these names.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram
from replywire_contracts.catalogue import EVENTS

READY = Gauge("replywire_ready", "1 where /ready says so, asked when this is read", ("service",))
HANDLED = Counter("replywire_events_handled_total", "Deliveries settled, by event and outcome", ("kind", "outcome"))
HANDLING_SECONDS = Histogram(
    "replywire_event_handling_seconds",
    "From delivery to settlement",
    ("kind",),
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60),
)
PUBLISHED = Counter("replywire_events_published_total", "Events put on a stream, by outcome", ("kind", "outcome"))
SWEPT = Counter("replywire_owed_events_swept_total", "Owed events published by the sweeper", ("collection",))
REQUESTS = Counter("replywire_requests_total", "Requests answered", ("subject", "outcome"))
REQUEST_SECONDS = Histogram(
    "replywire_request_seconds",
    "From a request's arrival to its answer",
    ("subject",),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
DEAD_LETTERS = Counter("replywire_dead_letters_total", "Dead letters that were written", ("service",))
FETCH_ERRORS = Counter("replywire_consumer_fetch_errors_total", "Pulls the server refused", ("consumer",))
TASK_CRASHES = Counter("replywire_task_crashes_total", "Background tasks that failed and were started again", ("task",))
PENDING = Gauge(
    "replywire_consumer_pending", "How many more deliveries the server held, as the last one said", ("consumer",)
)
IN_FLIGHT = Gauge("replywire_events_in_flight", "Deliveries being handled", ("consumer",))


def begin_at_zero(service: str) -> None:
    """Prometheus sees no increase in a counter whose first sample is 1 already: of what may happen once a month, and
    somebody should be told, the zero has to be there before."""
    DEAD_LETTERS.labels(service)
    for event in EVENTS:
        if service == event.OWNER:
            for outcome in ("stored", "refused"):
                PUBLISHED.labels(event.kind(), outcome)
