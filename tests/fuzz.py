"""Long runs of the targets in `fuzz_targets`, by a person:

    python -m tests.fuzz journal --seconds 600
    python -m tests.fuzz all --seconds 60

With atheris installed (`pip install 'api-harvester[fuzz]'`; it has wheels for Linux) the run is
guided by coverage; without it, seeds are mutated at random. The first input that breaks a promise
is printed, smallest form first where it can be cut, and the exit code is 1; make it a case in
test_fuzz.py. `--plain` does without atheris.
"""

import argparse
import importlib.util
import random
import subprocess
import sys
import time
import traceback
from collections.abc import Callable

from tests.fuzz_targets import TARGETS
from tests.mutations import mutated

_SLOW_S = 2.0  # for one input of a few kilobytes, far more than any should take


def say(text: str) -> None:
    """A line for whoever started this."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def plain(name: str, seconds: float, seed: int) -> int:
    """Mutate the seeds at random; 1 where an input breaks a promise or takes too long."""
    target = TARGETS[name]
    rng = random.Random(seed)
    end = time.monotonic() + seconds
    runs, slowest = 0, 0.0
    while time.monotonic() < end:
        data = mutated(rng.choice(target.seeds), rng)
        began = time.monotonic()
        try:
            target.run(data)
        except Exception:
            traceback.print_exc()
            say(f"{name}: {shortest(target.run, data)!r}")
            return 1
        took = time.monotonic() - began
        slowest = max(slowest, took)
        if took > _SLOW_S:
            say(f"{name}: {took:.1f} s for {data!r}")
            return 1
        runs += 1
    say(f"{name}: {runs:,} inputs in {seconds:g} s, the slowest {slowest:.3f} s; nothing found")
    return 0


def shortest(run: Callable[[bytes], None], data: bytes) -> bytes:
    """`data` with whatever can be left out and still breaks it."""
    size = len(data) // 2
    while size:
        start = 0
        while start < len(data):
            shorter = data[:start] + data[start + size :]
            try:
                run(shorter)
                start += size
            except Exception:
                data = shorter
        size //= 2
    return data


def guided(name: str, seconds: float) -> int:
    """Let atheris find the way; in a process of its own, since it never returns."""
    code = (
        "import atheris, sys\n"
        "with atheris.instrument_imports(include=['harvester']):\n"
        "    from tests.fuzz_targets import TARGETS\n"
        f"target = TARGETS[{name!r}]\n"
        "atheris.Setup(sys.argv, target.run)\n"
        "for seed in target.seeds: target.run(seed)\n"
        "atheris.Fuzz()\n"
    )
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory(prefix="corpus-") as corpus:
        for number, seed in enumerate(TARGETS[name].seeds):
            Path(corpus, str(number)).write_bytes(seed)
        limits = [
            f"-max_total_time={seconds:g}",
            "-max_len=4096",
            "-timeout=10",
            "-rss_limit_mb=1500",
        ]
        return subprocess.run([sys.executable, "-c", code, corpus, *limits], check=False).returncode


def main() -> int:
    """Run one target, or all of them one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("target", choices=["all", *TARGETS])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0, help="of the plain run")
    parser.add_argument("--plain", action="store_true", help="without atheris")
    chosen = parser.parse_args()
    names = list(TARGETS) if chosen.target == "all" else [chosen.target]
    use_atheris = not chosen.plain and importlib.util.find_spec("atheris") is not None
    failed = 0
    for name in names:
        found = (
            guided(name, chosen.seconds)
            if use_atheris
            else plain(name, chosen.seconds, chosen.seed)
        )
        failed += found != 0
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
