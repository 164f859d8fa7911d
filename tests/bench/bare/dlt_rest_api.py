"""dlt's rest_api source, its extract step alone: what it normalizes and loads comes on top.

Runs with the interpreter that `--dlt-python` names; imports nothing of ours.
"""

import json
import sys
from urllib.parse import parse_qsl, urlsplit

import dlt  # type: ignore[import-not-found,unused-ignore]
from dlt.sources.rest_api import (  # type: ignore[import-not-found,unused-ignore]
    rest_api_source,
)


def main() -> None:
    """Harvest URL and the pages behind it into OUT."""
    url, out = sys.argv[1:]
    parts = urlsplit(url)
    source = rest_api_source(
        {
            "client": {
                "base_url": f"{parts.scheme}://{parts.netloc}/",
                "paginator": {
                    "type": "cursor",
                    "cursor_path": "meta.next_token",
                    "cursor_param": "next_token",
                },
            },
            "resources": [
                {
                    "name": "tweets",
                    "endpoint": {
                        "path": parts.path.lstrip("/"),
                        "params": dict(parse_qsl(parts.query)),
                        "data_selector": "data",
                    },
                }
            ],
        }
    )
    pipeline = dlt.pipeline(
        pipeline_name="bench",
        pipelines_dir=out,
        destination=dlt.destinations.filesystem(bucket_url=f"file://{out}/loaded"),
        dataset_name="bench",
    )
    info = pipeline.extract(source)
    records = sum(
        table.items_count
        for steps in info.metrics.values()
        for step in steps
        for name, table in step["table_metrics"].items()
        if name == "tweets"
    )
    print(json.dumps({"records": records}))  # noqa: T201


if __name__ == "__main__":
    main()
