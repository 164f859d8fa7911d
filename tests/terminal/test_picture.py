"""The README's picture is what the command in the repository takes of a run."""

import html
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.picture.__main__ import PICTURE
from tests.support import ENVIRONMENT

pytestmark = pytest.mark.slow("a whole run is recorded as it is seen")


def lines(svg: str) -> list[str]:
    """The text of a picture, line by line."""
    pieces = re.findall(
        r'<text class="harvester-r\d+" x="([\d.]+)" y="([\d.]+)".*?>(.*?)</text>', svg
    )
    rows: dict[float, list[tuple[float, str]]] = {}
    for x, y, text in pieces:
        rows.setdefault(float(y), []).append((float(x), html.unescape(text).replace("\xa0", " ")))
    return ["".join(text for _, text in sorted(row)).rstrip() for _, row in sorted(rows.items())]


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The picture, taken once more."""
    path = tmp_path_factory.mktemp("picture") / "again.svg"
    subprocess.run(
        [sys.executable, "-m", "tests.picture", str(path)],
        cwd=Path(__file__).parents[2], env=ENVIRONMENT, timeout=120, check=True,
    )  # fmt: skip
    return lines(path.read_text())


def without_times(text: str) -> str:
    """A line without what no two runs have in common: time, and tries that failed."""
    return re.sub(r"\d+ requests \(\d+ attempts failed\), .*", "…", text)


def test_the_command_takes_the_same_picture(again: list[str]) -> None:
    """The same screens: equal but for what was in flight, and how long it took."""
    kept = lines(PICTURE.read_text())
    for told in (kept, again):
        middle = told.index("… and at its end:")
        assert told[0] == "$ harvester demo"
        assert told[1] == "twitter-search-all → harvester-demo"
        assert told[2].replace(" ", "") == "partitionpagesrecords"
        total = r"\d+ of 24 partitions ━+╸?─*  \d\d%"
        assert sum(bool(re.fullmatch(total, line)) for line in told[3:middle]) == 1
        bars = [line for line in told[3:middle] if re.match(r"from:(nasa|esa) 2021-\d\d-01_", line)]
        assert len(bars) == 4
    end = kept.index("… and at its end:")
    assert [without_times(line) for line in kept[end:] if not line.startswith("Of these")] == [
        without_times(line)
        for line in again[again.index("… and at its end:") :]
        if not line.startswith("Of these")
    ]


def test_the_picture_stands_alone() -> None:
    """It fetches nothing, neither fonts nor styles, and names no folder of whoever took it."""
    svg = PICTURE.read_text()
    assert len(svg) < 40_000
    assert "@font-face" not in svg
    assert "url(http" not in svg
    assert "/tmp" not in svg
