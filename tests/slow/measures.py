"""Prints the figures of a proof, and takes those of the processes that it begins."""

import resource
import sys
from pathlib import Path

_MB = 1 << 20


def say(text: str) -> None:
    """A line on stdout, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def used() -> float:
    """CPU seconds of the processes that have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def resident(pid: int) -> float:
    """The memory that a process has now, in MB; 0 where it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / _MB
    except (OSError, IndexError):
        return 0.0


def peak() -> float:
    """The most memory that one of them took, in MB; not below that of this process, from which it
    was begun (Linux counts what stood before the new program was loaded, too).
    """
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def own_peak() -> float:
    """The most memory that this process took, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
