"""Commands about the configurations that come with the program: `examples`."""

from typing import Annotated

import typer

from harvester.cli.app import app
from harvester.cli.completing import example_files
from harvester.cli.options import Json
from harvester.terminal import answer, examples_text, print_json, stdout_columns


@app.command()
def examples(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Print this one.", autocompletion=example_files),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the configurations that come with the program: what they need, what they show.

    Each is a commented YAML for a real API. One that needs no variable runs as it is, by its name.

    \b
    Examples:
      harvester examples                      all of them
      harvester examples github_issues        one, as it is
      harvester init --from github_issues     a copy, to change
      harvester check xkcd --live             by its name, without a copy
      harvester examples --json | jq -r '.[] | select(.needs == []) | .name'

    \b
    Exit codes:
      0  listed, or printed
      2  wrong usage, or no such example
    """  # noqa: D301 - the \b is click's: leave the lines as they are
    from harvester.scaffold import example_text, examples

    if name is not None:
        answer(example_text(name).removesuffix("\n"))
        return
    found = examples()
    if as_json:
        print_json([one.as_dict() for one in found])
    else:
        answer(examples_text(found, stdout_columns()))
