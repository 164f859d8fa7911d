"""One process, measured: wall by the monotonic clock, CPU and peak memory by the kernel's account.

Whole processes, from before they start to after they end. A pipeline is measured as the shell
that waits for it: CPU is then the sum, memory the largest member's. The peak of a process is at
least that of the process that started it, when it did (Linux hands it down), which is why the
bench itself imports so little: its own peak, `floor_bytes`, lies below any that it reports.
"""

import contextlib
import os
import resource
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_KIB: Final = 1024


@dataclass(frozen=True, slots=True)
class Sample:
    """How one process went. `stdout` is what it wrote there, if that was kept; `extra` what else
    was counted, by name.
    """

    wall_s: float
    cpu_s: float
    peak_bytes: int
    began_s: float = 0.0
    stdout: bytes = b""
    extra: Mapping[str, float] = field(default_factory=dict)


class ContenderFailed(Exception):
    """A contender did not do its work; a time of it would be a lie."""


class Missing(Exception):
    """A contender cannot take part, and why: it is not installed, say."""


def measured(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    keep_stdout: bool = False,
    codes: tuple[int, ...] = (0,),
) -> Sample:
    """Run `command` in `folder` to its end. Raises `ContenderFailed` for another exit code.

    stdout goes to /dev/null, or into a file where it is kept; stderr into a file.
    """
    kept = folder / "stdout" if keep_stdout else Path(os.devnull)
    with kept.open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
        began = time.monotonic()
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
            env={**os.environ, **(environment or {})}, process_group=0,
        )  # fmt: skip
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
        ended = time.monotonic()
        process.returncode = code = os.waitstatus_to_exitcode(status)
    if code not in codes:
        told = (folder / "stderr").read_text(errors="replace")[-2000:]
        raise ContenderFailed(f"{' '.join(command)[:300]}: exit code {code}\n{told}")
    return Sample(
        ended - began,
        used.ru_utime + used.ru_stime,
        used.ru_maxrss * _KIB,
        began,
        kept.read_bytes() if keep_stdout else b"",
    )


def floor_bytes() -> int:
    """The peak of this process: no lower one can be measured of those it starts."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB


def sync_ms(folder: Path) -> float:
    """What an fsync of a megabyte takes in `folder`, in milliseconds; the median of nine."""
    took = []
    path = folder / "fsync-probe"
    for _ in range(9):
        with path.open("wb") as file:
            file.write(os.urandom(1 << 20))
            file.flush()
            began = time.monotonic()
            os.fsync(file.fileno())
            took.append(time.monotonic() - began)
    path.unlink()
    return sorted(took)[4] * 1000


def delete(folder: Path) -> None:
    """Delete a folder, in a process of its own: a list of 100,000 names would raise the floor."""
    subprocess.run(["rm", "-rf", str(folder)], check=True)
