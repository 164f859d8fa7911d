"""Take the README's picture: `python -m tests.picture [FILE]`.

The demo's API is harvested, faults, rate limit and all, only faster; what the live display shows
halfway and the last screen are kept as an SVG. Nothing in it is drawn by hand.
"""

import io
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from harvester import harvest
from harvester.cli.demo import USUAL, emulated
from harvester.emulator import RateLimit
from harvester.engine.events import Event
from harvester.terminal.closing import colour, last_screen
from harvester.terminal.frame import Columns, frame
from harvester.terminal.progress import Progress

PICTURE: Final = Path(__file__).with_name("run.svg")
_COLUMNS: Final = 96
_ROWS: Final = 30
_OUT: Final = "harvester-demo"
#: The demo in about ten seconds.
_SIZE: Final = replace(
    USUAL,
    rate_limit=RateLimit(requests=70, window_s=2.5),
    faults=replace(USUAL.faults, slow_s=0.5, latency_s=0.05),
)
_FONTS: Final = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


class Camera:
    """Watches a run, and keeps the frame in which most is to be seen in its middle."""

    def __init__(self, progress: Progress) -> None:
        self.lines: list[Text] = []
        self._progress = progress
        self._seen = Columns()
        self._best = 0

    def take(self, event: Event) -> None:
        """Count an event in, and look."""
        self._progress.take(event)
        share = self._progress.share() or 0.0
        if not 0.4 < share < 0.7:
            return
        actives = self._progress.active()
        kinds = {active.doing(self._progress.now).split()[0] for active in actives}
        seen = 10 * len(kinds) + sum(active.share is not None for active in actives)
        if seen > self._best:
            self._best = seen
            self.lines = frame(self._progress, self._seen, _COLUMNS - 1, _ROWS)


def take(path: Path) -> None:
    """Harvest, and write the picture."""
    with tempfile.TemporaryDirectory() as folder, emulated(_SIZE) as (_, config):
        progress = Progress(config)
        camera = Camera(progress)
        summary = harvest(config, out=Path(folder) / _OUT, on_event=camera.take)
    console = Console(
        record=True, width=_COLUMNS, file=io.StringIO(), force_terminal=True, highlight=False,
        markup=False, emoji=False, color_system="truecolor",
    )  # fmt: skip
    prompt = ("$ ", "green")
    console.print(Text.assemble(prompt, "harvester demo"))
    for line in camera.lines:
        console.print(short(line, folder))
    console.print(Text("\n… and at its end:\n", style="dim"))
    first, rest = last_screen(summary, progress, _COLUMNS).split("\n", 1)
    console.print(Text.assemble((first, f"bold {colour(summary)}"), "\n", rest))
    svg = console.export_svg(
        title="harvester", unique_id="harvester", code_format=without_web_fonts(CONSOLE_SVG_FORMAT)
    )
    path.write_text(svg)


def short(line: Text, folder: str) -> Text:
    """The line, with the folder as the demo has it, not the temporary one it was taken in."""
    plain = line.plain.replace(f"{folder}/", "")
    return Text(plain, style=line.style, spans=list(line.spans))


def without_web_fonts(svg: str) -> str:
    """Rich's format with the fonts of whoever looks instead of some from the web."""
    head, _, rest = svg.partition("@font-face")
    *_, rest = rest.rpartition(".{unique_id}-matrix {{")
    return (head + ".{unique_id}-matrix {{" + rest).replace("Fira Code, monospace", _FONTS)


if __name__ == "__main__":
    take(Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE)
