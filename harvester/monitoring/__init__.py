"""Lets a run be seen from outside: its note, metrics, notifications, telemetry."""

from typing import TYPE_CHECKING

from harvester.on_demand import names_of

if TYPE_CHECKING:
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


__getattr__ = names_of(
    __name__,
    {
        "looks": "WELL_AFTER_S Health health_of",
        "metrics": "metrics_text",
        "noted": "harvest",
        "observing": "Monitor monitor",
        "web": "WatchPage",
    },
)
