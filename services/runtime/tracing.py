"""The W3C trace context, carried through events and requests as the `traceparent` header.

Spans exist only where an OpenTelemetry SDK is configured; without one a trace that comes in still goes out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import context, trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_propagator = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("replywire")


def outgoing() -> dict[str, str]:
    """The headers that carry the current trace; empty outside of one."""
    headers: dict[str, str] = {}
    _propagator.inject(headers)
    return headers


def traceparent() -> str:
    """The current trace's, to be kept with what will be told later; empty outside of one."""
    return outgoing().get("traceparent", "")


@contextmanager
def incoming(name: str, headers: Mapping[str, str] | None, **facts: str) -> Iterator[None]:
    """Go on with the sender's trace in a span called `name`. `facts` are ids alone: spans leave the machine."""
    traced = headers is not None and "traceparent" in headers
    if not traced and isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        yield  # no SDK makes spans, and there is no trace to carry on
        return
    token = context.attach(_propagator.extract(headers)) if headers and traced else None
    try:
        with _tracer.start_as_current_span(
            name, attributes=dict(facts), record_exception=False, set_status_on_exception=False
        ):
            yield
    finally:
        if token is not None:
            context.detach(token)


def configure(service: str, endpoint: str) -> None:
    """Send spans to an OTLP collector over HTTP. Raises `LookupError` where the extra `otel` is not installed."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as missing:
        raise LookupError(f"Traces need {missing.name}: install it with `pip install 'replywire[otel]'`") from missing
    provider = TracerProvider(resource=Resource.create({"service.name": f"replywire-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    trace.set_tracer_provider(provider)
