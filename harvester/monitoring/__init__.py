"""Lets a run be seen from outside: its note, metrics, notifications, telemetry."""

from harvester.monitoring.looks import (
    WELL_AFTER_S,
    Health,
    health_of,
)
from harvester.monitoring.metrics import (
    metrics_text,
)
from harvester.monitoring.noted import harvest
from harvester.monitoring.observing import (
    Monitor,
    monitor,
)
from harvester.monitoring.web import (
    WatchPage,
)

__all__ = [
    "WELL_AFTER_S",
    "Health",
    "Monitor",
    "WatchPage",
    "harvest",
    "health_of",
    "metrics_text",
    "monitor",
]
