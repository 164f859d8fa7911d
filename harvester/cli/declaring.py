"""Before a harvest: is the YAML right, and what will it ask for?"""

from itertools import islice
from typing import Annotated, Final

import typer

from harvester.cli.app import app
from harvester.cli.options import BaseURL, ConfigFile, Json, Set
from harvester.terminal.phrases import number, one_line
from harvester.terminal.rendering import (
    answer,
    needs_text,
    print_json,
    print_plan,
    resources_text,
    say,
    seen_text,
)

_MOST_LISTED: Final = 10
_FAILED: Final = 3


@app.command()
def check(
    config: ConfigFile,
    live: Annotated[
        bool, typer.Option("--live", help="Also fetch one page of each resource.")
    ] = False,
    base_url: BaseURL = None,
    set_: Set = None,
) -> None:
    """Validate the YAML; with --live, see what the API answers.

    Writes nothing into the folder of the harvest.

    \b
    Examples:
      harvester check tweets.yaml
      harvester check tweets.yaml --live

    \b
    Next:
      harvester plan tweets.yaml
      harvester run tweets.yaml

    \b
    Exit codes:
      0  all is well
      2  wrong usage or configuration: every problem is listed
      3  a resource's page could not be had
    """  # noqa: D301 - the \b is click's: leave the lines as they are
    from harvester.check import check_live
    from harvester.config.load import load_config
    from harvester.lint import lints

    loaded = load_config(config, base_url=base_url, set=set_ or ())
    answer(f"{config}: ok\n{resources_text(loaded)}")
    for lint in lints(config, loaded):
        answer(f"lint: {one_line(str(lint))}")
    failed = 0
    for seen in check_live(loaded) if live else ():
        failed += seen.error is not None
        answer(f"\n{seen_text(seen)}")
    if failed:
        say(f"{number(failed, 'resource')} failed")
        raise typer.Exit(_FAILED)


@app.command()
def plan(
    config: ConfigFile, as_json: Json = False, base_url: BaseURL = None, set_: Set = None
) -> None:
    """List the partitions, and what they take at least. Asks the server nothing.

    \b
    Examples:
      harvester plan tweets.yaml
      harvester plan tweets.yaml --json | jq -r '.partitions[].partition.window'

    \b
    Next:
      harvester run tweets.yaml

    \b
    Exit codes:
      0  planned
      2  wrong usage or configuration: every problem is listed
    """  # noqa: D301 - the \b is click's: leave the lines as they are
    from datetime import UTC, datetime

    from harvester.config.load import load_config
    from harvester.planning import least
    from harvester.planning import plan as planned

    loaded = load_config(config, base_url=base_url, set=set_ or ())
    now = datetime.now(UTC)
    needs = [least(loaded, resource, now) for resource in loaded.resources]
    listed = ((item.resource, item.title, item.labels) for item in planned(loaded, now=now))
    if as_json:
        print_plan(
            loaded.name,
            needs,
            ({"resource": name, "partition": labels} for name, _, labels in listed),
        )
        return
    answer(f"{loaded.name}\n{needs_text(needs)}")
    total = sum(need.partitions for need in needs)
    for _, title, _ in islice(listed, _MOST_LISTED):
        answer(f"  {title}")
    if total > _MOST_LISTED:
        answer(f"  … and {total - _MOST_LISTED:,} more; --json lists them all")
    elif not total:
        answer("No partition is planned yet. (A window is planned once it has closed.)")


@app.command()
def schema() -> None:
    """Print the JSON Schema of the YAML, for editors.

    With it an editor completes keys, explains them, and underlines mistakes.

    \b
    Examples:
      harvester schema > harvester.schema.json
      # then, as the first line of a YAML file:
      # yaml-language-server: $schema=harvester.schema.json

    Next: `harvester check`. Exit codes: 0 printed, 2 wrong usage.
    """  # noqa: D301 - the \b is click's: leave the lines as they are
    from harvester.config.schema import json_schema

    print_json(json_schema())
