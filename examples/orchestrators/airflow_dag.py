"""A DAG of Airflow (2.9 or 3): one task that harvests each night, and goes on after a failure.

The harvest keeps its own place, so a retry of the task costs no page that is on disk already.
Variables: HARVEST_CONFIG, the YAML, and HARVEST_DIR, the folder.
"""

import os
from datetime import datetime, timedelta

from airflow.sdk import dag, task


@dag(
    schedule="17 2 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 5, "retry_delay": timedelta(minutes=15)},
)
def harvest_works():
    """Harvest, then say what came."""

    @task
    def harvested() -> dict:
        """The summary of the run; a run that is not complete fails the task, and is retried."""
        from harvester import harvest, load_config

        config = load_config(os.environ["HARVEST_CONFIG"])
        summary = harvest(config, out=os.environ["HARVEST_DIR"])
        if not summary.complete:
            raise RuntimeError(f"not complete: {summary.ended_by or summary.failures[:3]}")
        return summary.as_dict()

    @task
    def told(summary: dict) -> None:
        """One line for each resource, in the task's log."""
        for resource in summary["resources"]:
            print(f"{resource['name']}: {resource['records']:,} records")

    told(harvested())


harvest_works()
