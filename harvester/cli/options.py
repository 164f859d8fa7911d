"""Arguments and options that several commands share."""

import errno
import os
import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from harvester.cli.completing import NAME, configs, example_files, harvests, partitions, resources
from harvester.errors import ConfigError, DataRefused, Problem
from harvester.model import place_of_text, url_of

if TYPE_CHECKING:
    from harvester.config import Config
    from harvester.model import Shard


class ProgressMode(StrEnum):
    """How a run shows itself on stderr."""

    AUTO = "auto"
    PLAIN = "plain"
    NONE = "none"


_MOST_NAMED: Final = 5


def config_file(ctx: typer.Context, path: Path) -> Path:
    """The YAML file, or the folder of a harvest, which knows what it was made with; `ConfigError`
    with what may have been meant.
    """
    if ctx.resilient_parsing or (path.exists() and not path.is_dir()):
        return path
    if url_of(path):
        return place_of_text(path)
    if (path / NAME).exists():
        return path
    if not path.exists() and (shipped := _example_of(path)) is not None:
        return shipped
    why = f"cannot be read: {os.strerror(errno.EISDIR if path.is_dir() else errno.ENOENT)}"
    inside = f"{path}/" if path.is_dir() and str(path) != "." else ""
    why += _near(path.name, [name for name in configs(inside) if not name.endswith("/")])
    if path.suffix and path.stem in example_files(path.stem):
        why += f"; {path.stem} is an example: harvester init --from {path.stem} copies it here"
    raise ConfigError([Problem(str(path), 0, "", why)])


def _example_of(path: Path) -> Path | None:
    """The file of the example that is called so, with a note that it is one."""
    if str(path) != path.name or path.suffix:
        return None
    from harvester.scaffold import example_path
    from harvester.terminal import say

    found = example_path(path.name)
    if found is not None:
        say(
            f"note: {path.name} is an example that comes with harvester, {found}; "
            f"`harvester init --from {path.name}` copies it, to change"
        )
    return found


def harvest_folder(ctx: typer.Context, path: Path) -> Path:
    """The folder, absolute; that which a YAML file names is meant by the file, too.

    `BadParameter` or `ConfigError` with what may have been meant.
    """
    if ctx.resilient_parsing:
        return path
    if url_of(path):
        return place_of_text(path)
    if (path / NAME).exists():
        return path.absolute()
    if path.is_file():
        return _folder_of(path)
    if not path.exists() and (shipped := _example_of(path)) is not None:
        return _folder_of(shipped)
    if not path.exists():
        here = [name for name in harvests("") if not name.endswith("/")]
        raise typer.BadParameter(f"there is no folder {path}{_near(str(path), here)}")
    inside = [name for name in harvests(f"{path}/") if not name.endswith("/")]
    if inside:
        meant = f"; did you mean {inside[0]}?" if len(inside) == 1 else _near(path.name, inside)
        raise DataRefused(f"{path.absolute()}: not the folder of a harvest{meant}")
    return path.absolute()  # whoever reads it says what is missing


def _folder_of(path: Path) -> Path:
    """The folder of the harvest that a file belongs to."""
    if path.name == NAME:
        return path.absolute().parent
    if path.suffix not in (".yaml", ".yml"):
        raise typer.BadParameter(
            f"{path} is a file; give the folder that a harvest is in, or the YAML that names it"
        )
    from harvester.config import folder_named_in

    folder = folder_named_in(path)
    if url_of(folder):
        return folder
    for place in (folder.absolute(), path.absolute().parent / folder):
        if (place / NAME).exists():
            return place
    why = (
        f"no harvest lies in {folder.absolute()}, the folder that it names; "
        f"`harvester run {shlex.quote(str(path))}` begins one. One that was begun with --out is "
        "where that said: give its folder"
    )
    raise ConfigError([Problem(str(path), 0, "", why)])


def lasting(place: Path) -> Path:
    """The same, but for one in the memory of this process, which ends with the command."""
    if str(place).startswith("memory:"):
        raise ConfigError(
            f"{place}: lies in the memory of this process, and would be gone when the command "
            "ends; harvest into a folder or a bucket (memory:// is for programs in Python)"
        )
    return place


def place(path: Path | None) -> Path | None:
    """The path of a folder, or a URL, of which it made one."""
    return path and place_of_text(path)


def config_or_folder(ctx: typer.Context, path: Path) -> Path:
    """The YAML file as it was given, or the folder of a harvest; raises as those two do."""
    if ctx.resilient_parsing or path.is_file():
        return path
    return harvest_folder(ctx, path)


def loaded(
    config: Path, *, base_url: str | None = None, set_: list[str] | None = None
) -> tuple["Config", Path]:
    """What CONFIG declares, and the folder that it goes into, absolute."""
    from harvester.repair import reopened

    return reopened(config, base_url=base_url, set=set_ or ())


def share(text: str | None) -> "Shard | None":
    """The share that `--shard` names; `BadParameter` where it names none."""
    if text is None:
        return None
    from harvester.model import Shard

    try:
        return Shard.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--shard") from None


def configs_and_harvests(incomplete: str) -> list[str]:
    """What may stand for a harvest that is to be mended."""
    return [*harvests(incomplete), *configs(incomplete)]


def _near(name: str, known: list[str]) -> str:
    """What may have been meant by a name, as the end of a sentence."""
    from difflib import get_close_matches  # only needed once something is wrong

    if near := get_close_matches(name, known, n=1):
        return f"; did you mean {near[0]}?"
    shown = ", ".join(known[:_MOST_NAMED]) + (", …" if len(known) > _MOST_NAMED else "")
    return f"; there is {shown}" if known else ""


ConfigFile = Annotated[
    Path,
    typer.Argument(
        metavar="CONFIG",
        help="The YAML file, or the folder of a harvest that was made with one.",
        autocompletion=configs,
        callback=config_file,
    ),
]
Folder = Annotated[
    Path,
    typer.Argument(
        metavar="DIR",
        help="The folder of a harvest or its URL, or the YAML that names it.",
        autocompletion=harvests,
        callback=harvest_folder,
    ),
]
Folders = Annotated[
    list[Path],
    typer.Argument(
        metavar="DIR...",
        help="The folders of harvests, or the YAMLs that name them.",
        autocompletion=harvests,
        callback=lambda ctx, value: [harvest_folder(ctx, path) for path in value],
    ),
]
Harvest = Annotated[
    Path,
    typer.Argument(
        metavar="DIR|CONFIG",
        help="The folder of a harvest or its URL, or the YAML that it was made with.",
        autocompletion=configs_and_harvests,
        callback=config_or_folder,
    ),
]
OutOf = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        help="With a YAML: the harvest's folder, or its URL.  [output.path]",
        callback=place,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
BaseURL = Annotated[
    str | None,
    typer.Option("--base-url", metavar="URL", help="Instead of client.base_url."),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a value of the YAML, as in resources.tweets.params.max_results=100; "
        "may be given again.",
    ),
]
ShardOption = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Only share I of N, for N machines: 0/3, 1/3 and 2/3 (or 1/3, 2/3 and 3/3).",
    ),
]
Resources = Annotated[
    list[str] | None,
    typer.Option(
        "--resource",
        metavar="NAME",
        help="Only this resource; may be given again.",
        autocompletion=resources,
    ),
]
Partitions = Annotated[
    list[str] | None,
    typer.Option(
        "--partition",
        metavar="KEY=VALUE",
        help="Only such partitions; may be given again.",
        autocompletion=partitions,
    ),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="Show every request and answer on stderr, secrets hidden.",
        callback=lambda wanted: _show_exchanges(wanted),
    ),
]
Progress = Annotated[
    ProgressMode,
    typer.Option(help="auto: live on a terminal, else plain lines. none: only what goes wrong."),
]


StalledAfter = Annotated[
    str,
    typer.Option(
        "--stalled-after",
        metavar="TIME",
        help="Without a page for so long, announced waits apart, a run has stalled.",
    ),
]


def duration_s(text: str, option: str) -> float:
    """The seconds of a duration such as `90s` or `1h`."""
    from harvester.config import seconds

    try:
        found = seconds(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None
    if found <= 0:
        raise typer.BadParameter("more than zero is wanted", param_hint=option)
    return found


def stalled_after_s(text: str) -> float:
    """The seconds of `--stalled-after`."""
    return duration_s(text, "--stalled-after")


def _show_exchanges(wanted: bool) -> bool:
    """Send what is logged of exchanges to stderr."""
    if wanted:
        from harvester.terminal import show_log

        show_log("harvester.exchange")
    return wanted


def pairs(partition: list[str] | None) -> dict[str, str]:
    """What `--partition` chooses."""
    pairs = [pair.partition("=") for pair in partition or ()]
    for key, equals, _ in pairs:
        if not equals:
            raise typer.BadParameter(f"{key!r} is not KEY=VALUE", param_hint="--partition")
    return {key: value for key, _, value in pairs}
