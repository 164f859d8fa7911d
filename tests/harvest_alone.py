"""One harvest in a process of its own, to measure it: CONFIG BASE_URL OUT.

Prints JSON: the exit code, the errors, the peak of resident memory in MB since the process began,
and the seconds of CPU and of time that the harvest took.
"""

import json
import re
import sys
import time
from pathlib import Path

from harvester import harvest, load_config
from tests import planted_bugs


def main() -> None:
    """Harvest, and print how it went."""
    path, base_url, out = sys.argv[1:]
    config = load_config(path, base_url=base_url, env={})
    began = time.monotonic(), time.process_time()
    summary = harvest(config, out=Path(out))
    took_s, cpu_s = time.monotonic() - began[0], time.process_time() - began[1]
    # Not getrusage: its maximum is inherited from the process that started this one.
    peak = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    measured = {
        "exit_code": summary.exit_code,
        "errors": [failure.error for failure in summary.failures],
        "peak_mb": int(peak[1]) / 1024 if peak else 0,
        "cpu_s": cpu_s,
        "took_s": took_s,
    }
    sys.stdout.write(json.dumps(measured))


if __name__ == "__main__":
    planted_bugs.plant()
    main()
