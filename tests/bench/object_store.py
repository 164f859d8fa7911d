"""Runs SeaweedFS until stdin ends: the bench starts it so, to import as little as it can itself.

Its only line on stdout is what reaches it, as JSON: a bucket, and the environment for it.
"""

import json
import sys

from tests.object_servers import seaweed_server, weed


def main() -> None:
    """Serve; an empty object where the server is not installed."""
    if weed() is None:
        sys.stdout.write("{}\n")
        return
    with seaweed_server() as s3:
        sys.stdout.write(json.dumps({"bucket": s3.bucket(), "env": s3.env}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
