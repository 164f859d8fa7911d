"""Harvests a real MediaWiki, whose categories form a graph with cycles, with the shipped YAML.

    python -m tests.slow.mediawiki [--folder FOLDER]

MediaWiki and PHP are Debian's packages: downloaded with `apt-get download` and unpacked into a
folder, nothing is installed; SQLite is their database, PHP's own server serves them. Categories
with odd names, 15 ways back and a category of 700 pages are imported. The harvest is killed twice
(SIGKILL) and run again: every category once, every page of it, and at most one request more for
each kill. Ends with 1 where something does not hold. Takes about a minute of CPU, and Debian 12.
"""

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from harvester import iter_records, verify
from tests.slow.measures import say, used
from tests.support import ENVIRONMENT

_CONFIG: Final = Path(__file__).parents[2] / "configs/wikipedia_categories.yaml"
_PACKAGES: Final = (
    "mediawiki mediawiki-classes php8.2-cli php8.2-common php8.2-intl php8.2-mbstring "
    "php8.2-sqlite3 php8.2-xml"
)
_EXTENSIONS: Final = (
    "calendar ctype dom fileinfo iconv intl mbstring pdo pdo_sqlite posix sqlite3 tokenizer xml "
    "xmlreader xmlwriter"
)
_CATEGORIES: Final = 80
_ARTICLES: Final = 900
_IN_ONE: Final = 700  # more than are on a page
_ODD: Final = (
    "Ökologie & Ähnliches/Über uns",
    "C++ (programming)?",
    "日本の画家",
    'Émile\'s "own"',
)
_KILLS: Final = 2


class Wiki:
    """MediaWiki, unpacked in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.site = folder / "wiki"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._php: list[str | Path] = [
            folder / "root/usr/bin/php8.2", "-n", "-c", folder / "php.ini",
        ]  # fmt: skip

    def unpack(self) -> None:
        """Get Debian's packages, and lay MediaWiki out."""
        packages = self.folder / "packages"
        packages.mkdir()
        run(["apt-get", "download", *_PACKAGES.split()], cwd=packages)
        for package in packages.iterdir():
            run(["dpkg", "-x", package, self.folder / "root"])
        (self.folder / "root/usr/share/mediawiki").rename(self.site)
        for item in self.site.iterdir():
            if item.is_symlink():  # into a system where it is installed
                item.unlink()
        (self.site / "extensions").symlink_to("extensions-core")
        (self.site / "images").mkdir()
        (self.folder / "database").mkdir()
        (libraries,) = self.folder.glob("root/usr/lib/php/2*")
        lines = [f"extension_dir={libraries}", "memory_limit=512M"]
        lines += [f"extension={name}" for name in _EXTENSIONS.split()]
        (self.folder / "php.ini").write_text("\n".join(lines))

    def install(self) -> None:
        """Make its database."""
        self.maintain("install", "--dbtype", "sqlite", "--dbpath", str(self.folder / "database"),
                      "--server", self.url, "--scriptpath", "", "--pass", "harvester-1", "Wiki",
                      "Admin")  # fmt: skip

    def fill(self, pages: dict[str, list[str]]) -> None:
        """Import pages, each with its categories."""
        dump = self.folder / "pages.xml"
        dump.write_text("".join(_dumped(pages)))
        self.maintain("importDump", str(dump))
        self.maintain("runJobs")

    def maintain(self, script: str, *arguments: str) -> None:
        """Run one of its scripts."""
        run([*self._php, self.site / f"maintenance/{script}.php", *arguments])

    @property
    def url(self) -> str:
        """Where it is served."""
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def served(self) -> Iterator[None]:
        """Serve it meanwhile."""
        line = [*map(str, self._php), "-S", f"127.0.0.1:{self.port}"]
        server = subprocess.Popen(line, cwd=self.site, stderr=(self.folder / "log").open("wb"))
        try:
            while True:
                try:
                    urllib.request.urlopen(f"{self.url}/api.php").close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield
        finally:
            server.terminate()
            server.wait()

    def requests(self) -> int:
        """How many requests for members of categories it had."""
        return (self.folder / "log").read_text(errors="replace").count("list=categorymembers")


def main() -> int:
    """Harvest it, and compare."""
    parser = argparse.ArgumentParser(prog="python -m tests.slow.mediawiki")
    parser.add_argument("--folder", type=Path, help="where it is unpacked, and stays")
    given = parser.parse_args().folder
    with tempfile.TemporaryDirectory(prefix="harvester-mediawiki-") as temporary:
        folder = (given or Path(temporary)).absolute()
        folder.mkdir(exist_ok=True)
        wrong = prove(Wiki(folder))
    for each in wrong:
        say(f"DOES NOT HOLD: {each}")
    return 1 if wrong else 0


def prove(wiki: Wiki) -> list[str]:
    """Set it up, harvest it, and say what does not hold."""
    began, cpu = time.monotonic(), used()
    wiki.unpack()
    wiki.install()
    pages = graph()
    wiki.fill(pages)
    say(f"set up in {time.monotonic() - began:.0f} s, {used() - cpu:.0f} s of CPU")
    out, cpu = wiki.folder / "out", used()
    line = [
        sys.executable, "-m", "harvester", "run", str(_CONFIG), "--out", str(out),
        "--base-url", f"{wiki.url}/", "--progress", "none",
        "--set", 'resources.members.partitions.category.seeds=["Category:Topic 0"]',
        "--set", "resources.members.partitions.category.maximum_depth=50",
    ]  # fmt: skip
    environment = {**ENVIRONMENT, "WIKI_CONTACT": "tests@example.org"}
    with wiki.served():
        for kill in range(_KILLS):
            process = subprocess.Popen(line, env=environment)
            while wiki.requests() < (kill + 1) * 25 and process.poll() is None:
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
            process.wait()
        done = subprocess.run(line, env=environment, check=False)
    found = {record["title"] for record in map(json.loads, iter_records(out))}
    asked, least = wiki.requests(), _CATEGORIES + 1  # one has two pages
    say(f"{len(found):,} titles of {_CATEGORIES} categories, {asked} requests, {_KILLS} kills; "
        f"{used() - cpu:.1f} s of CPU, the server apart")  # fmt: skip
    return [
        what
        for what, holds in (
            (f"the last run ended with {done.returncode}", done.returncode == 0),
            (f"every title: {len(found)} of {len(pages)}", found == {*pages}),
            (f"{asked} requests", asked <= least + _KILLS),
            ("all is sound", verify(out, deep=True).ok),
        )
        if not holds
    ]


def graph() -> dict[str, list[str]]:
    """Categories and articles, each with the categories that it is in."""
    chance = random.Random(4)
    names = [f"Category:{_ODD[n - 3] if 3 <= n < 3 + len(_ODD) else f'Topic {n}'}"
             for n in range(_CATEGORIES)]  # fmt: skip
    pages = {name: [names[chance.randrange(n)]] if n else [] for n, name in enumerate(names)}
    for _ in range(15):
        pages[chance.choice(names)].append(chance.choice(names))
    pages[names[7]].append(names[7])
    pages[names[0]].append(names[-1])  # so that the first is in one, too
    for n in range(_ARTICLES):
        own = [names[2]] if n < _IN_ONE else []
        pages[f"Article {n} ü & {n}"] = [*own, chance.choice(names)]
    return pages


def _dumped(pages: dict[str, list[str]]) -> Iterator[str]:
    yield (
        '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="en">'
    )
    for title, categories in pages.items():
        text = escape(" ".join(f"[[{name}]]" for name in categories))
        space = 14 if title.startswith("Category") else 0
        yield (
            f"<page><title>{escape(title)}</title><ns>{space}</ns>"
            "<revision><timestamp>2020-01-01T00:00:00Z</timestamp><contributor><username>Admin"
            "</username></contributor><model>wikitext</model><format>text/x-wiki</format>"
            f'<text xml:space="preserve">{text}</text></revision></page>\n'
        )
    yield "</mediawiki>"


def run(line: Sequence[str | Path], cwd: Path | None = None) -> None:
    """Run a program to its end; what it says is shown only where it fails."""
    done = subprocess.run([*map(str, line)], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{line[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}")


if __name__ == "__main__":
    os.nice(5)
    sys.exit(main())
