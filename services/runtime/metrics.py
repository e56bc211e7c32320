"""What is counted, for Prometheus. Labels are kinds and outcomes, never accounts or addresses."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

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
IN_FLIGHT = Gauge("replywire_events_in_flight", "Deliveries being handled", ("consumer",))
