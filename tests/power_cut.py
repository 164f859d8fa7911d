"""Row 41 of the matrix of faults: the power is cut, again and again, while a harvest runs.

    sudo python -m tests.power_cut [CUTS]

It needs root and a loop device, and a minute; test_power_cut.py makes three cuts where it can. A
harvest writes to a file system in an image file; copies of the image, taken while it runs, are what
a disk would hold if the power had failed at that moment: only what had been flushed. Each copy is
mounted, and must be completed by a rerun as if nothing had happened, but for the pages that it
asks for again: no page that is missing or short may be believed. At the end the same is done with
`output.fsync: false`, which may well fail: it shows what fsync is for.
"""

import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harvester import harvest, load_config, verify
from harvester.errors import HarvesterError
from tests.support import ENVIRONMENT, ITEMS, Scripted, chain, command, kept, write_config

PAGES = 300


def make_image(path: Path) -> None:
    """An empty ext4 of 64 MiB, as most disks have."""
    with path.open("wb") as file:
        file.truncate(64 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", path], check=True)


@contextmanager
def mounted(image: Path, at: Path) -> Iterator[Path]:
    """The file system of an image file."""
    at.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", image, at], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", at], check=True)


def undisturbed(folder: Path, server: Scripted) -> object:
    """What a harvest that nothing befalls keeps; it stays in `folder / "whole"`."""
    path = write_config(folder, ITEMS)
    harvest(load_config(path, base_url=server.base_url, env={}), out=folder / "whole")
    return kept(folder / "whole")


def cut(folder: Path, server: Scripted, cuts: int, pages: int, *changes: str) -> list[Path]:
    """Harvest `pages` into an image; copies of it from random moments."""
    image = folder / "live.img"
    make_image(image)
    copies = []
    rng = random.Random(1)
    with mounted(image, folder / "live") as disk:
        arguments = command(folder / "config.yaml", server.base_url, disk / "out", *changes)
        process = subprocess.Popen(arguments, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
        for number in range(cuts):
            goal = len(server.asked) + rng.randrange(1, 2 * pages // (cuts + 1))
            while len(server.asked) < goal and process.poll() is None:
                time.sleep(0.0005)
            time.sleep(rng.uniform(0, 0.003))
            if process.poll() is not None:
                break
            process.send_signal(signal.SIGSTOP)  # or the copy would mix several moments
            copies.append(folder / f"cut-{number}.img")
            shutil.copyfile(image, copies[-1])
            process.send_signal(signal.SIGCONT)
        process.wait()
    return copies


def survives(folder: Path, image: Path, server: Scripted, expected: object) -> str:
    """What is wrong with a copy; nothing if it is sound and a rerun completes it."""
    with mounted(image, folder / "copy") as disk:
        out = disk / "out"
        config = load_config(folder / "config.yaml", base_url=server.base_url, env={})
        told: list[str] = []
        before = len(server.asked)
        try:
            summary = harvest(
                config, out=out,
                on_event=lambda event: told.append(getattr(event, "message", "")),
            )  # fmt: skip
            if not summary.complete or kept(out) != expected:
                return f"the rerun ends differently: {summary.ended_by or summary.failures}"
            if not (found := verify(out, deep=True)).ok:
                return f"verify: {found.problems[0]}"
        except HarvesterError as error:
            return str(error)
        again, notes = len(server.asked) - before, " ".join(filter(None, told))
        sys.stdout.write(f"  {image.name}: {again} pages asked for again {notes}\n")
    return ""


def main() -> int:
    """Cut the power with fsync, which must go well, and without."""
    cuts = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    failed = 0
    with tempfile.TemporaryDirectory() as scratch, Scripted(chain(PAGES)) as server:
        folder = Path(scratch)
        expected = undisturbed(folder, server)
        for changes in ((), ("output.fsync=false",)):
            sys.stdout.write(f"{' '.join(changes) or 'output.fsync=true'}\n")
            for image in cut(folder, server, cuts, PAGES, *changes):
                problem = survives(folder, image, server, expected)
                if problem:
                    sys.stdout.write(f"  {image.name}: {problem}\n")
                    failed += not changes
                image.unlink()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
