"""Commands for before a harvest: is the YAML right, and what will it ask for?"""

import os
import re
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import typer.core

from harvester.cli.app import app
from harvester.cli.completing import example_files
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
    copied_text,
    cost_text,
    lint_text,
    needs_text,
    print_json,
    print_plan,
    proposal_text,
    resources_text,
    say,
    seen_table,
    stdout_columns,
    tick,
)

_MOST_LISTED: Final = 10
_FAILED: Final = 3
_LONGEST_LINE: Final = 4 << 20  # of stdin


class _CurlAsItIs(typer.core.TyperCommand):
    """Leaves what follows the word `curl` alone: its options are curl's, not ours."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put a `--` before it, which ends our own options."""
        if "--" not in args and "curl" in args:
            at = args.index("curl")
            args = [*args[:at], "--", *args[at:]]
        return super().parse_args(ctx, args)


@app.command(cls=_CurlAsItIs)
def init(
    source: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE",
            help="A curl line (in quotes, or as it is), a URL, an OpenAPI 3 document, a Postman "
            "collection, a HAR file, or - for stdin.",
        ),
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="NAME",
            help="Copy the example of this name instead; `harvester examples` lists them.",
            autocompletion=example_files,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to write; - is stdout.  [<name>.yaml]"),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The name of the harvest.")
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask nothing; guess from the line alone.")
    ] = False,
    operation: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID", help="An operation of the OpenAPI document; may be given again."
        ),
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The server, where an OpenAPI document names none."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Write the YAML for an API, from a curl line, a URL, an OpenAPI document or a recording.

    Fetches a page, finds the records and how the API pages, and proves it by a second page: at
    most twelve requests. Secrets stay out of the file: it names variables. A Postman collection or
    a HAR file is read with the answers that it has, and nothing is asked.

    \b
    harvester init 'curl -H "Authorization: Bearer $TOKEN" https://api.example.org/v1/items'
    harvester init curl -G https://api.example.org/v1/items -d limit=100
    harvester init openapi.yaml --operation listItems
    pbpaste | harvester init - --name items
    harvester init --from github_issues

    Exit codes: 0 written, 2 bad usage or input, 3 no page could be had (nothing is written).
    """  # noqa: D301 - the \b is click's: leave the lines as they are
    from harvester.scaffold import given, named, propose, refuse_existing, save
    from harvester.terminal import program

    if from_ is not None:
        _copy(from_, source or [], out, name, force=force)
        return
    if not source:
        raise typer.BadParameter("a curl line, a URL, an OpenAPI document or --from is wanted")
    if recorded := _recorded(source):
        _of_recording(recorded, out, name, operation or (), force=force)
        return
    found = given(
        source,
        lambda: sys.stdin.read(_LONGEST_LINE),
        operation=operation or (),
        base_url=base_url,
        offline=offline,
        env=os.environ,
    )
    title = named([one.ask for one in found.wanted], name)
    path = out or Path(f"{title}.yaml")
    to_stdout = str(path) == "-"
    if not to_stdout:
        refuse_existing(path, force=force)
    proposal = propose(
        found.wanted,
        name=title,
        source=found.source,
        env=os.environ,
        offline=offline,
        asking=lambda left: tick(f"asking {found.place}; at most {number(left, 'request')} left"),
    )
    tick("")
    if to_stdout:
        answer(proposal.text.removesuffix("\n"))
    else:
        save(path, proposal.text, force=force)
    say(proposal_text(proposal, None if to_stdout else path, program()))


def _recorded(source: list[str]) -> Path | None:
    """The recording that is given, if it is one."""
    from harvester.importer import is_recorded

    if len(source) != 1 or not source[0].lower().endswith((".har", ".json")):
        return None
    path = Path(source[0])
    try:
        return path if path.is_file() and is_recorded(path) else None
    except (OSError, ValueError):
        return None


def _of_recording(
    path: Path, out: Path | None, name: str | None, operation: Sequence[str], *, force: bool
) -> None:
    """Write what a recording has, as `import` does: a file for each API that it asks."""
    from harvester.importer import import_file
    from harvester.scaffold import named, refuse_existing, save

    if name is not None:
        named((), name)  # refuses what is no name
    if operation:
        raise typer.BadParameter("is for OpenAPI documents", param_hint="--operation")
    found = import_file(path)
    for stream in found.streams:
        if not stream.imported:
            say(f"not taken: {stream.name}: {'; '.join(stream.missing)}")
    if not found.texts:
        say(f"{path}: nothing in it can be harvested; nothing is written")
        raise typer.Exit(3)
    if len(found.texts) > 1 and (out is not None or name is not None):
        names = ", ".join(found.texts)
        raise typer.BadParameter(
            f"{path} asks several APIs, each a file of its own ({names}): no --out or --name"
        )
    for given_name, written in found.texts.items():
        text = re.sub(r"(?m)^name: .*$", f"name: {name}", written, count=1) if name else written
        file = out or Path(f"{name}.yaml" if name else given_name)
        if str(file) == "-":
            answer(text.removesuffix("\n"))
            continue
        refuse_existing(file, force=force)
        save(file, text, force=force)
        say(f"wrote {file}\nNext:\n  harvester check {file} --live\n  harvester run {file}")


def _copy(
    copied: str, source: list[str], out: Path | None, name: str | None, *, force: bool
) -> None:
    """Write an example into a file of one's own."""
    from harvester.scaffold import example, example_text, refuse_existing, save
    from harvester.terminal import program

    if source:
        raise typer.BadParameter("give a SOURCE or --from, not both", param_hint="--from")
    text = example_text(copied, name)
    known = example(copied)
    path = out or Path(f"{name or (known and known.name)}.yaml")
    if str(path) == "-":
        answer(text.removesuffix("\n"))
        return
    refuse_existing(path, force=force)
    save(path, text, force=force)
    if known is not None:
        say(copied_text(known, path, program()))


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
        tick(f"asked {count} of {len(declared.resources)}: {seen.resource}")
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

    from harvester.planning import least, store_cost
    from harvester.planning import plan as planned

    mine = share(shard)
    declared, _ = loaded(config, base_url=base_url, set_=set_)
    now = datetime.now(UTC)
    needs = [least(declared, resource, now, shard=mine) for resource in declared.resources]
    every = planned(declared, now=now, shard=mine)
    listed = ((item.resource, item.title, item.labels) for item in every)
    total = sum(need.partitions for need in needs)
    cost = store_cost(declared.folder, total)
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
