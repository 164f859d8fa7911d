"""The program: its name, its first help page, its version."""

from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from harvester import __version__
from harvester.terminal import answer

#: The sections of the first help page, by the modules that hold their commands.
_SECTIONS: Final = {
    "declaring": "Before a harvest",
    "examples": "Before a harvest",
    "importing": "Before a harvest",
    "harvesting": "A harvest",
    "standing": "A harvest",
    "using": "After a harvest",
    "mending": "A way back",
}


class InOrder(TyperGroup):
    """The commands in the order in which somebody needs them, under a heading for each stage."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, each with the first line of its help."""
        commands = [(name, self.commands[name]) for name in self.list_commands(ctx)]
        room = formatter.width - 6 - max(len(name) for name, _ in commands)
        for title in dict.fromkeys(_SECTIONS.values()):
            rows = [
                (name, command.get_short_help_str(room))
                for name, command in commands
                if _SECTIONS[_module(command)] == title
            ]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def _module(command: Any) -> str:
    return str(getattr(command.callback, "__module__", "")).rpartition(".")[2]


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
