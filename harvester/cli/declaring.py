"""Commands for before a harvest: is the YAML right, and what will it ask for?"""

from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import typer

from harvester.cli.app import app
from harvester.cli.options import (
    BaseURL,
    ConfigFile,
    Json,
    Set,
    ShardOption,
    Verbose,
    loaded,
    share,
)
from harvester.model import number
from harvester.terminal import (
    answer,
    cost_text,
    lint_text,
    needs_text,
    print_json,
    print_plan,
    resources_text,
    say,
    seen_table,
    stdout_columns,
    tick,
)

_MOST_LISTED: Final = 10
_FAILED: Final = 3


@app.command()
def check(
    config: ConfigFile,
    live: Annotated[
        bool, typer.Option("--live", help="Also fetch two pages of each resource.")
    ] = False,
    base_url: BaseURL = None,
    set_: Set = None,
    verbose: Verbose = False,
) -> None:
    """Validate the YAML; with --live, see what the API answers.

    --live asks for the first page of each resource and for the one after it, as a run would, and
    says what that would end by. Writes nothing into the folder of the harvest.

    \b
    Examples:
      harvester check tweets.yaml
      harvester check tweets.yaml --live
      harvester check tweets.yaml --live -v    shows each request and its answer

    \b
    Next:
      harvester plan tweets.yaml
      harvester run tweets.yaml

    \b
    Exit codes:
      0  all is well
      2  wrong usage or configuration: every problem is listed
      3  a resource's first or second page could not be had, or is the same page
    """  # noqa: D301 - the \b is click's: leave the lines as they are
    from harvester.config import lints
    from harvester.engine import check_live, secrets_of

    declared, _ = loaded(config, base_url=base_url, set_=set_)
    answer(f"{config}: ok\n{resources_text(declared)}")
    secrets = secrets_of(declared)
    again = config.is_file()  # a pipe can be read only once
    lines = config.read_text(encoding="utf-8").split("\n") if again else []
    for lint in lints(config, declared) if again else ():
        line = secrets.redact(lines[lint.line - 1]) if lint.line else ""
        answer(lint_text(lint, line, stdout_columns()))
    if not live:
        return
    found = []
    for count, seen in enumerate(check_live(declared), start=1):
        found.append(seen)
        tick(f"asked {count} of {len(declared.declared)}: {seen.resource}")
    tick("")
    answer(f"\n{seen_table(found, stdout_columns())}")
    if failed := sum(seen.failed for seen in found):
        say(f"{number(failed, 'resource')} failed")
        raise typer.Exit(_FAILED)


@app.command()
def login(
    config: ConfigFile,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The harvest's folder.  [output.path, data/<name>]"),
    ] = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Open no browser; only say where.")
    ] = False,
    patience: Annotated[
        int, typer.Option("--timeout", min=1, metavar="SECONDS", help="How long to wait.")
    ] = 300,
    base_url: BaseURL = None,
    set_: Set = None,
) -> None:
    """Log in to an API once, with OAuth 2; every run after it needs nobody.

    For client.auth of the type oauth2_authorization_code a browser opens, and comes back to this
    machine; for oauth2_device_code a code is shown, to be typed in anywhere. What is kept of it, a
    refresh token mostly, lies in auth.token_file, or in the harvest's folder; only its owner may
    read it.

    \b
    Examples:
      harvester login mail.yaml
      harvester login mail.yaml --no-browser    shows the address only

    \b
    Next:
      harvester check mail.yaml --live
      harvester run mail.yaml

    \b
    Exit codes:
      0    logged in
      2    wrong usage or configuration, or it declares no login
      3    the API said no
      130  nobody logged in
    """  # noqa: D301 - the \b is click's: leave the lines as they are
    from harvester.auth import Prompts, log_in
    from harvester.engine import secrets_of
    from harvester.errors import AttemptFailed

    declared, folder = loaded(config, base_url=base_url, set_=set_)

    def open_page(url: str) -> None:
        say(f"Log in with a browser on this machine:\n  {url}")
        if not no_browser:
            import webbrowser

            webbrowser.open(url)

    def show(url: str, code: str) -> None:
        say(f"Log in with any browser:\n  {url}\nThe code is {code}")

    try:
        prompts = Prompts(open_page, show)
        kept = log_in(declared, (out or folder).absolute(), prompts, patience_s=patience)
    except AttemptFailed as error:
        say(f"not logged in: {secrets_of(declared).redact(str(error))}")
        raise typer.Exit(_FAILED) from None
    say(f"Logged in. It is kept in {kept}")


@app.command()
def plan(
    config: ConfigFile,
    shard: ShardOption = None,
    as_json: Json = False,
    base_url: BaseURL = None,
    set_: Set = None,
) -> None:
    """List the partitions, and what they take at least. Asks the server nothing.

    \b
    Examples:
      harvester plan tweets.yaml
      harvester plan tweets.yaml --shard 0/4     the share of one of four machines
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

    from harvester.config import RawFormat
    from harvester.planning import least, store_cost
    from harvester.planning import plan as planned

    mine = share(shard)
    declared, _ = loaded(config, base_url=base_url, set_=set_)
    now = datetime.now(UTC)
    needs = [least(declared, resource, now, shard=mine) for resource in declared.declared]
    every = planned(declared, now=now, shard=mine)
    listed = ((item.resource, item.title, item.labels) for item in every)
    total = sum(need.partitions for need in needs)
    raw = {each.name for each in declared.resources if isinstance(each.format, RawFormat)}
    files = sum(need.partitions for need in needs if need.resource in raw)
    cost = store_cost(declared.folder, total, files if raw else None)
    if as_json:
        print_plan(
            declared.name,
            needs,
            ({"resource": name, "partition": labels} for name, _, labels in listed),
            cost,
        )
        return
    answer(f"{declared.name}\n{needs_text(needs)}")
    if cost is not None:
        answer(cost_text(cost))
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
    from harvester.config import json_schema

    print_json(json_schema())
