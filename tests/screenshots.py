"""Pictures of a report in a real browser: wide and narrow, light and dark.

    python tests/screenshots.py data/tweets/report.html pictures/

A narrow page lies in a frame, since a window of chromium has a least width.
"""

import html
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

#: No network at all, a profile of its own, nothing in the background.
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--hide-scrollbars", "--disable-dev-shm-usage",
)  # fmt: skip
_SCHEMES = {"light": 1, "dark": 0}
_WIDTHS = {"wide": 1400, "narrow": 390}


def chromium(*arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run chromium to its end; raises FileNotFoundError where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise FileNotFoundError("chromium is not installed")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        return subprocess.run(
            [program, *_FLAGS, f"--user-data-dir={profile}", *arguments],
            capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip


def picture(page: Path, target: Path, *, width: int, height: int, scheme: str) -> None:
    """One picture, as PNG."""
    url = page.resolve().as_uri()
    with tempfile.TemporaryDirectory() as folder:
        if width < 500:
            frame = Path(folder, "frame.html")
            frame.write_text(
                f'<body style="margin:0"><iframe style="border:0" width={width} height={height} '
                f'src="{html.escape(url)}"></iframe>'
            )
            url = frame.as_uri()
        done = chromium(
            f"--blink-settings=preferredColorScheme={_SCHEMES[scheme]}",
            f"--window-size={max(500, width)},{height}",
            f"--screenshot={target}",
            url,
        )
    if not target.exists():
        raise RuntimeError(f"no picture came: {done.stderr}")


def main(arguments: Sequence[str]) -> int:
    """The four pictures of a page."""
    if len(arguments) != 2:
        sys.stderr.write(f"{__doc__}")
        return 2
    page, folder = map(Path, arguments)
    folder.mkdir(parents=True, exist_ok=True)
    for shape, width in _WIDTHS.items():
        for scheme in _SCHEMES:
            target = folder / f"{page.stem}-{shape}-{scheme}.png"
            height = 4000 if shape == "wide" else 7000
            picture(page, target, width=width, height=height, scheme=scheme)
            sys.stdout.write(f"{target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
