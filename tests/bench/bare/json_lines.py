"""requests, `.json()`, and the records as JSON Lines in one gzip file."""

import gzip
import json
import sys
from pathlib import Path

import requests


def main() -> None:
    """Harvest URL and the pages behind it into OUT."""
    url, out = sys.argv[1:]
    Path(out).mkdir(parents=True)
    token: str | None = None
    pages = records = 0
    with (
        requests.Session() as session,
        gzip.open(f"{out}/records.jsonl.gz", "wt", encoding="utf-8") as file,
    ):
        while True:
            params = {"next_token": token} if token else {}
            response = session.get(url, params=params, timeout=600)
            response.raise_for_status()
            page = response.json()
            pages += 1
            for record in page["data"]:
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
                records += 1
            token = page["meta"].get("next_token")
            if token is None:
                break
    print(json.dumps({"pages": pages, "records": records}))  # noqa: T201


if __name__ == "__main__":
    main()
