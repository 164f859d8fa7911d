"""One harvest in a process of its own, for the tests that kill it: CONFIG BASE_URL OUT [KEY=VALUE]…

Prints the summary as JSON, or the error, and ends with its exit code.
"""

import json
import sys
from pathlib import Path

from harvester import harvest, load_config
from harvester.errors import HarvesterError
from tests import planted_bugs


def main() -> int:
    """Harvest, and say how it went."""
    path, base_url, out, *changes = sys.argv[1:]
    try:
        config = load_config(path, base_url=base_url, set=changes, env={})
        summary = harvest(config, out=Path(out))
    except HarvesterError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return error.exit_code
    sys.stdout.write(json.dumps(summary.as_dict()))
    return summary.exit_code


if __name__ == "__main__":
    planted_bugs.plant()
    sys.exit(main())
