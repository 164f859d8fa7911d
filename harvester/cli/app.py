"""The program: its name, its first help page, its version."""

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Annotated, Any, Final

import typer
import typer.main
from typer.core import TyperGroup

from harvester import __version__
from harvester.terminal import answer

#: The sections of the first help page, by the modules that hold their commands; in the order in
#: which somebody needs them. A module is imported when one of its commands is asked for.
_SECTIONS: Final = {
    "drafting": ("Before a harvest", "init"),
    "declaring": ("Before a harvest", "check login plan schema"),
    "examples": ("Before a harvest", "examples"),
    "harvesting": ("A harvest", "run demo"),
    "importing": ("Before a harvest", "import"),
    "mending": ("A way back", "repair redo"),
    "standing": ("A harvest", "status watch healthcheck verify"),
    "using": ("After a harvest", "records diff sql report serve"),
    "exporting": ("After a harvest", "export copy"),
}
_TITLES: Final = ("Before a harvest", "A harvest", "After a harvest", "A way back")
_HOMES: Final = {name: home for home, (_, names) in _SECTIONS.items() for name in names.split()}


class Commands(MutableMapping[str, Any]):
    """The commands by their names, each built when it is asked for: to build all 22 with all their
    options takes longer than to read the line that was typed.
    """

    def __init__(self) -> None:
        self._built: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._built:
            self._built[name] = _built(name)
        return self._built[name]

    def __contains__(self, name: object) -> bool:
        return name in _HOMES

    def __setitem__(self, name: str, command: Any) -> None:
        self._built[name] = command

    def __delitem__(self, name: str) -> None:
        del self._built[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_HOMES)

    def __len__(self) -> int:
        return len(_HOMES)


def _built(name: str) -> Any:
    """The command of this name; KeyError where there is none."""
    import_module(f"{__package__}.{_HOMES[name]}")
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.registered_commands = [
        info
        for info in app.registered_commands
        if info.callback and (info.name or info.callback.__name__) == name
    ]
    command: Any = typer.main.get_command(alone)
    for parameter in command.params:
        _take_as_declared(parameter)
    return command


def _take_as_declared(parameter: Any) -> None:
    """Leave an option that was not given as it is: typer builds a validator to convert nothing."""
    convert = parameter.process_value

    def process(ctx: Any, value: Any) -> Any:
        if value is not None or parameter.required:
            return convert(ctx, value)
        value = () if parameter.multiple or parameter.nargs == -1 else None
        return parameter.callback(ctx, parameter, value) if parameter.callback else value

    parameter.process_value = process


class InOrder(TyperGroup):
    """The commands in the order in which somebody needs them, under a heading for each stage."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**{**given, "commands": Commands()})

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, each with the first line of its help."""
        room = formatter.width - 6 - max(map(len, _HOMES))
        for title in _TITLES:
            rows = [
                (name, self.commands[name].get_short_help_str(room))
                for name, home in _HOMES.items()
                if _SECTIONS[home][0] == title
            ]
            with formatter.section(title):
                formatter.write_dl(rows)


app = typer.Typer(
    cls=InOrder,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        answer(f"harvester {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Harvest paginated JSON APIs to disk: all of it, raw, once, resumable, in flat memory.

    \b
    harvester demo                      see it run, on this machine
    harvester check tweets.yaml --live  is the file right, what is answered?
    harvester run tweets.yaml           harvest; the same line again resumes
    harvester status data/tweets        where does it stand?
    harvester records data/tweets       the records as JSON Lines

    \b
    Each command explains itself: harvester run --help
    TAB completes files, folders, resources and partitions:
      harvester --install-completion
    """  # noqa: D301 - the \b is click's: leave the lines as they are
