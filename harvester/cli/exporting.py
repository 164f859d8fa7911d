"""Take a harvest elsewhere: into files for the next tool, or whole to another folder or bucket."""

import os
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harvester.cli.app import app
from harvester.cli.options import (
    Folder,
    Json,
    Partitions,
    Progress,
    ProgressMode,
    Resources,
    lasting,
    pairs,
)
from harvester.errors import Interrupted
from harvester.model import number, place_of_text, size
from harvester.terminal import answer, print_json, say

if TYPE_CHECKING:
    from harvester.export import Exported


@app.command()
def export(
    folder: Folder,
    target: Annotated[
        Path,
        typer.Argument(
            metavar="TARGET",
            help="The file: .jsonl, .jsonl.gz, .csv, .parquet, .feather, .xlsx or .duckdb; or a "
            "folder, with --format parquet.",
        ),
    ],
    resource: Resources = None,
    partition: Partitions = None,
    dedupe: Annotated[
        list[str] | None,
        typer.Option(
            "--dedupe",
            metavar="KEY",
            help="Of records alike at this path (id, user.id, …) only the one fetched last; given "
            "again, of those alike at all the paths.",
        ),
    ] = None,
    prefix: Annotated[
        str, typer.Option(metavar="TEXT", help="Before the names of the partitions' columns.")
    ] = "_",
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--columns",
            metavar="NAME,…",
            help="Only these keys of the records, and columns of partitions (_query), in this "
            "order; may be given again.",
        ),
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option(
            "--drop",
            metavar="PATH",
            help="Leave this out (user.email, contacts[*].phone, _query); may be given again.",
        ),
    ] = None,
    hashed: Annotated[
        list[str] | None,
        typer.Option(
            "--hash",
            metavar="PATH",
            help="Only a digest of this: HMAC-SHA-256, its key in HARVESTER_HASH_KEY, else a new "
            "one for each export; may be given again.",
        ),
    ] = None,
    cast: Annotated[
        bool,
        typer.Option(
            "--cast",
            help="Columns of texts that are all numbers, or all times, become just that: .parquet, "
            ".feather and .duckdb.",
        ),
    ] = False,
    form: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="parquet", help="TARGET is a folder, of files of this format."
        ),
    ] = None,
    partition_by: Annotated[
        list[str] | None,
        typer.Option(
            "--partition-by",
            metavar="COLUMN",
            help="Divide the folder by the values of this column, as Hive does (lang=en/…); may be "
            "given again.",
        ),
    ] = None,
    append: Annotated[
        bool,
        typer.Option(
            "--append",
            help="Add what is new since the last export to a folder of Parquet files or a .duckdb.",
        ),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace TARGET if it exists.")] = False,
    progress: Progress = ProgressMode.AUTO,
) -> None:
    """Write the records into one file, for DuckDB, pandas and the like.

    \b
    Examples:
      harvester export data/tweets tweets.parquet
      harvester export data/tweets tweets.parquet --dedupe id
      harvester export data/shop shop.duckdb           a table for each resource
      harvester export data/shop orders.csv --resource orders
      harvester export data/tweets nasa.jsonl.gz --partition query=from:nasa
      harvester export data/tweets open.csv --columns id,text,author_id --hash author_id
      harvester export data/tweets typed.parquet --cast
      harvester export data/tweets tweets/ --format parquet --partition-by lang
      harvester export data/tweets warehouse.duckdb --append --dedupe id   each night
      harvester export data/shop shop.parquet --drop user.email --drop contacts[*].phone

    \b
    Next:
      duckdb -c "SELECT * FROM 'tweets.parquet' LIMIT 3"

    Each record is a row, in the order of the harvest; the values of its partition stand in columns
    of their own, _query for the key query. What was committed when the export began is in it, also
    while a harvest runs. TARGET appears only once it is whole.

    Parquet and DuckDB keep what is nested (STRUCT, LIST), with one schema over all pages. Nothing
    is changed to fit it: where records disagree, the column is JSON text. Integers stay exact, all
    other numbers are doubles; times stay the text that they are, but for --cast. JSON Lines and CSV
    have every number as the server wrote it; in CSV an empty field is null, and "" an empty text.

    --cast looks at every text first, and loses nothing: a column is cast only if each text in it is
    a number without a zero in front, or each a time of the same sort; an empty one is null then.
    Where one is not, all stay text. A table says what became of each column, and what did not fit.

    --append writes down in TARGET which pages are in it, and adds the others: each record once,
    also after a kill in the middle. With --dedupe, a newer record takes the place of the row with
    its key. A new column is added. Where a partition was harvested again, or a column needs another
    type, all is written anew, and it says why. The options must be those of the first time; --force
    begins anew with others.

    \b
    Exit codes:
      0    it is there
      2    wrong usage
      4    the disk is full, or TARGET cannot be written
      5    the data on disk is damaged
      6    another export to TARGET is at work
      130  interrupted: TARGET was not written
    """  # noqa: D301 - the \b is click's: leave the lines as they are
    from harvester.export import export as exported
    from harvester.terminal import Steps, casts_text

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # leave nothing behind
    live = progress is ProgressMode.AUTO and sys.stderr.isatty()
    try:
        with Steps(live=live, quiet=progress is ProgressMode.NONE) as steps:
            done = exported(
                folder,
                target,
                resources=resource or (),
                partition=pairs(partition),
                dedupe=dedupe or (),
                prefix=prefix,
                columns=[name for names in columns or () for name in names.split(",")],
                drop=drop or (),
                hashed=hashed or (),
                hash_key=os.environ.get("HARVESTER_HASH_KEY") or None,
                cast=cast,
                format=form,
                partition_by=[name for names in partition_by or () for name in names.split(",")],
                append=append,
                force=force,
                on_step=steps.take,
            )
    except KeyboardInterrupt:
        raise Interrupted(f"{target} was not written: interrupted") from None
    for note in done.notes:
        say(note)
    if cast:
        say(casts_text(done.casts))
    if progress is not ProgressMode.NONE:
        repeated = f"; {done.repeated:,} repeated left out" if dedupe else ""
        if done.replaced:
            repeated += f", {done.replaced:,} of before replaced"
        counts = ", ".join(
            f"{number(count, 'record')} of {name}{_in_all(done, name)}"
            for name, count in done.records.items()
        )
        say(f"{target}: {counts}{repeated}, {size(_bytes_of(target))}")


def _in_all(done: "Exported", name: str) -> str:
    """How many a target holds that was added to."""
    total = done.totals.get(name, done.records[name])
    return "" if total == done.records[name] else f" added, {total:,} in all"


def _bytes_of(target: Path) -> int:
    """The size of a file, or of all files of a folder."""
    if not target.is_dir():
        return target.stat().st_size
    return sum(path.stat().st_size for path in target.rglob("*") if path.is_file())


@app.command()
def copy(
    source: Folder,
    target: Annotated[
        Path,
        typer.Argument(metavar="TO", help="A folder or a URL: new, or with a part of the copy."),
    ],
    progress: Progress = ProgressMode.AUTO,
    as_json: Json = False,
) -> None:
    """Copy a harvest to another place: from a folder to an object store, back, or among them.

    Each page is checked by its SHA-256 on the way. The copy is at any moment a harvest that can be
    read and gone on with; the same line copies what is still missing.

    \b
    Examples:
      harvester copy data/tweets s3://my-bucket/tweets
      harvester copy s3://my-bucket/tweets /mnt/tweets

    \b
    Next:
      harvester verify TO

    \b
    Exit codes:
      0    all is there
      2    wrong usage, or no such bucket
      4    stopped by a full disk, or by a store that does not answer
      5    no harvest, a damaged page, or another harvest in TO
      6    a run holds TO
      130  interrupted: what is there is sound, and the same line goes on
    """  # noqa: D301 - the \b is click's: leave the lines as they are
    from harvester.export import copy as copied
    from harvester.terminal import Steps, program

    place = lasting(place_of_text(target))
    live = progress is ProgressMode.AUTO and sys.stderr.isatty()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Steps(live=live, quiet=progress is ProgressMode.NONE) as steps:
            found = copied(source, place, on_copied=steps.take_copied)
    except KeyboardInterrupt:
        raise Interrupted(
            f"{place} has a part of the copy: interrupted; the same line goes on"
        ) from None
    if as_json:
        print_json(found.as_dict())
        return
    there = f", {number(found.there, 'page')} of them before" if found.there else ""
    pages = number(found.pages, "page")
    answer(f"{pages} of {number(found.partitions, 'partition')} copied to {place}{there}")
    say(f"next:\n  {program()} verify {shlex.quote(str(place))}")
