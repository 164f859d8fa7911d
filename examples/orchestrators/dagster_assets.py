"""Dagster: a harvest as an asset, with its numbers as metadata, and a schedule for each night.

Resources are configured by variables: HARVEST_CONFIG, the YAML, and HARVEST_DIR, the folder.
"""

import os

import dagster


@dagster.asset(
    retry_policy=dagster.RetryPolicy(max_retries=5, delay=900),
    description="The API's records, as the server sent them.",
)
def works() -> dagster.MaterializeResult:
    """Harvest, or go on with it; a run that is not complete is retried."""
    from harvester import harvest, load_config

    config = load_config(os.environ["HARVEST_CONFIG"])
    summary = harvest(config, out=os.environ["HARVEST_DIR"])
    if not summary.complete:
        raise dagster.Failure(f"not complete: {summary.ended_by or summary.failures[:3]}")
    return dagster.MaterializeResult(
        metadata={
            "folder": dagster.MetadataValue.path(os.environ["HARVEST_DIR"]),
            "records": sum(resource.records for resource in summary.resources),
            "pages": sum(resource.pages for resource in summary.resources),
            "doubts": len(summary.doubts),
        }
    )


nightly = dagster.ScheduleDefinition(
    job=dagster.define_asset_job("harvest_works", selection=[works]), cron_schedule="17 2 * * *"
)
definitions = dagster.Definitions(assets=[works], schedules=[nightly])
