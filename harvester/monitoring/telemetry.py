"""Sends metrics and a trace of a run by OpenTelemetry, as its standard variables say.

`OTEL_EXPORTER_OTLP_ENDPOINT` says where to, `OTEL_SERVICE_NAME` as whom; the rest of
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ holds too.
"""

import os
from collections.abc import Iterable
from typing import Any

from harvester import __version__
from harvester.errors import ConfigError
from harvester.results import RunNote, Summary

_COUNTERS = {
    "harvester.pages": ("pages", "{page}", "Pages that the run kept"),
    "harvester.records": ("records", "{record}", "Records that the run kept"),
    "harvester.bytes": ("bytes", "By", "Decoded JSON"),
    "harvester.attempts_lost": ("attempts_lost", "{attempt}", "Tries that came to nothing"),
}


class Telemetry:
    """Hands the numbers of a run to the SDK, and one span for the run."""

    def __init__(self, name: str) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.metrics import MeterProvider
            from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError:
            raise ConfigError("--otel needs a library: pip install 'api-harvester[otel]'") from None
        self._attributes = {"harvest.name": name}
        self._note: RunNote | None = None
        about = {"service.version": __version__}
        if not os.environ.get("OTEL_SERVICE_NAME"):
            about["service.name"] = "harvester"
        resource = Resource.create(about)
        reader = PeriodicExportingMetricReader(OTLPMetricExporter())
        self._meters = MeterProvider([reader], resource=resource)
        self._tracers = TracerProvider(resource=resource)
        self._tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._span = self._tracers.get_tracer("harvester", __version__).start_span(
            "harvest", attributes=dict(self._attributes)
        )
        self._instruments()

    def _instruments(self) -> None:
        from opentelemetry.metrics import CallbackOptions, Observation

        meter = self._meters.get_meter("harvester", __version__)

        def observe(field: str) -> Any:
            def given(options: CallbackOptions) -> Iterable[Observation]:
                if self._note is not None:
                    yield Observation(getattr(self._note, field), self._attributes)

            return given

        for metric, (field, unit, told) in _COUNTERS.items():
            meter.create_observable_counter(metric, [observe(field)], unit, told)

        def waits(options: CallbackOptions) -> Iterable[Observation]:
            for why, seconds in (self._note.waits_s if self._note else {}).items():
                yield Observation(seconds, {**self._attributes, "reason": why})

        meter.create_observable_counter("harvester.wait", [waits], "s", "Time waited, by reason")

        def partitions(options: CallbackOptions) -> Iterable[Observation]:
            for state, count in (self._note.partitions if self._note else {}).items():
                yield Observation(count, {**self._attributes, "state": state})

        meter.create_observable_gauge(
            "harvester.partitions", [partitions], "{partition}", "Partitions by how they stand"
        )

    def look(self, note: RunNote, *, stalled: bool) -> None:
        """Keep what is to be sent next."""
        self._note = note

    def stall(self, note: RunNote, told: str) -> None:
        """An event of the span."""
        self._span.add_event("stalled", {"message": told})

    def ended(self, note: RunNote, summary: Summary | None, told: str) -> None:
        """Send the last numbers, and the span."""
        from opentelemetry.trace import Status, StatusCode

        self._note = note
        well = summary is not None and summary.complete
        self._span.set_attributes({"harvest.pages": note.pages, "harvest.records": note.records})
        self._span.set_status(Status(StatusCode.OK) if well else Status(StatusCode.ERROR, told))
        self._span.end()
        self._meters.shutdown()
        self._tracers.shutdown()
