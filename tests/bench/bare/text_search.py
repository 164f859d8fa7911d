"""The well-known snippet: text chunks into a gzip file, and a look for the token in the last one.

It checks nothing: a body that is cut passes, and a token that lies across two chunks is missed.
"""

import gzip
import json
import re
import sys
from pathlib import Path

import requests


def main() -> None:
    """Harvest URL and the pages behind it into OUT."""
    url, out = sys.argv[1:]
    Path(out).mkdir(parents=True)
    token: str | None = None
    pages = 0
    with requests.Session() as session:
        while True:
            params = {"next_token": token} if token else {}
            response = session.get(url, params=params, stream=True, timeout=600)
            response.raise_for_status()
            response.encoding = "utf-8"
            pages += 1
            last = ""
            with gzip.open(f"{out}/page-{pages:06d}.json.gz", "wt", encoding="utf-8") as file:
                for chunk in response.iter_content(10240, decode_unicode=True):
                    file.write(chunk)
                    last = chunk
            found = re.search(r'"next_token":"([^"]+)"', last)
            if not found:
                break
            token = found[1]
    print(json.dumps({"pages": pages}))  # noqa: T201


if __name__ == "__main__":
    main()
