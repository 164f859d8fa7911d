"""Prefect 3: a flow that harvests, retried until it is complete.

Run it with `python prefect_flow.py works.yaml data/works`, or serve it each night:
`harvest_works.serve(cron="17 2 * * *", parameters={...})`.
"""

import sys

from prefect import flow, get_run_logger, task


@task(retries=5, retry_delay_seconds=900)
def harvested(config: str, folder: str) -> dict:
    """The summary of the run; a run that is not complete fails the task, and is retried."""
    from harvester import harvest, load_config

    summary = harvest(load_config(config), out=folder)
    if not summary.complete:
        raise RuntimeError(f"not complete: {summary.ended_by or summary.failures[:3]}")
    return summary.as_dict()


@flow(name="harvest works")
def harvest_works(config: str, folder: str) -> dict:
    """Harvest, and log what came."""
    summary = harvested(config, folder)
    for resource in summary["resources"]:
        get_run_logger().info("%s: %s records", resource["name"], resource["records"])
    return summary


if __name__ == "__main__":
    harvest_works(*sys.argv[1:3])
