"""dlt: a source over the folder of a harvest, which loads into any of dlt's destinations.

Each resource of the harvest becomes a dlt resource of the same name; nothing is asked of the API
again. Records are yielded in lists, so that dlt's buffers stay small.

    python dlt_source.py data/works
"""

import json
import os
import sys
from collections.abc import Iterator
from itertools import islice
from typing import Any

import dlt

from harvester import Harvest

AT_ONCE = 1000


@dlt.source(name="harvest")
def harvest_source(folder: str | os.PathLike[str]) -> Iterator[Any]:
    """A dlt resource for each resource of the harvest in `folder`."""
    harvest = Harvest(folder)
    for resource in harvest.config(env=os.environ).resources:
        key = resource.key
        yield dlt.resource(
            _records(harvest, resource.name),
            name=resource.name,
            primary_key=key,
            write_disposition="merge" if key else "append",
        )


def _records(harvest: Harvest, resource: str) -> Iterator[list[dict[str, Any]]]:
    records = harvest.records(parse=json.loads, resources=[resource])
    while some := list(islice(records, AT_ONCE)):
        yield some


if __name__ == "__main__":
    pipeline = dlt.pipeline("harvest", destination="duckdb", dataset_name="api")
    print(pipeline.run(harvest_source(sys.argv[1])))
