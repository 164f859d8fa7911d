"""Counts over declarations how many streams are imported whole, and what others lack.

python -m tests.importer FOLDER (or FILE)
"""

import sys
from collections import Counter
from pathlib import Path

from harvester.errors import ConfigError
from harvester.importer import import_file


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main(folder: Path) -> None:
    """Print the figures."""
    came: Counter[bool] = Counter()
    lacking: Counter[str] = Counter()
    whole = files = 0
    for path in sorted(folder.iterdir()) if folder.is_dir() else [folder]:
        try:
            found = import_file(path)
        except ConfigError as error:
            _tell(f"{path.name}: {error}")
            continue
        files += 1
        came.update(stream.imported for stream in found.streams)
        whole += all(stream.imported for stream in found.streams)
        lacking.update(why for stream in found.streams for why in set(stream.missing))
    total = came.total() or 1
    _tell(f"{came[True]:,} of {total:,} streams imported whole: {100 * came[True] / total:.1f} %")
    _tell(f"{whole} of {files} declarations whole")
    for why, count in lacking.most_common(40):
        _tell(f"{count:5} {why}")


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).exists():
        sys.exit("usage: python -m tests.importer FOLDER (or FILE)")
    main(Path(sys.argv[1]))
