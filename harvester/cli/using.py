"""Look at what was harvested: records, what changed, SQL, a page for people, the API once more."""

import shlex
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from harvester.cli.app import app
from harvester.cli.options import (
    Folder,
    Json,
    Partitions,
    Resources,
    pairs,
)
from harvester.model import number
from harvester.terminal import answer, print_json, say, write_blocks


@app.command()
def records(
    folder: Folder,
    resource: Resources = None,
    partition: Partitions = None,
    generation: Annotated[
        int | None,
        typer.Option(
            "--generation",
            min=1,
            metavar="N",
            help="As they were in this generation, counted from 1: before a redo or a refresh.",
        ),
    ] = None,
    inside: Annotated[
        str | None,
        typer.Option(
            "--inside",
            metavar="PATH",
            help="The records inside each record, such as line_items, in its place.",
        ),
    ] = None,
) -> None:
    """Print the records as JSON Lines.

    In order, each as the server wrote it, on one line. Of a partition that was harvested again
    the newest complete generation, unless --generation names another.

    \b
    Examples:
      harvester records data/tweets | head -n 3
      harvester records data/tweets --partition query=from:nasa > nasa.jsonl
      harvester records data/tweets | jq -r .id | sort | uniq -d
      harvester records data/orders --inside "line_items[*].taxes" > taxes.jsonl

    \b
    Exit codes:
      0  printed, or whoever read them had enough
      2  wrong usage: no such resource or partition
      5  no folder of a harvest, or a damaged one
    """  # noqa: D301 - the \b is click's: leave the lines as they are
    from harvester.results import embedded, iter_records, record_lines

    chosen = pairs(partition)
    if inside is not None:
        found = iter_records(
            folder, resources=resource or (), partition=chosen, generation=generation
        )
        write_blocks(inner + b"\n" for inner in embedded(found, inside))
        return
    write_blocks(
        record_lines(
            folder, resources=resource or (), partition=chosen, generation=generation, on_note=say
        )
    )


@app.command()
def diff(
    folder: Folder,
    resource: Resources = None,
    partition: Partitions = None,
    key: Annotated[
        list[str] | None,
        typer.Option(
            "--key",
            metavar="PATH",
            help="What makes a record the same record, in the place of `key` in the YAML; may be "
            "given again.",
        ),
    ] = None,
    old: Annotated[
        int,
        typer.Option(
            "--from", metavar="N", help="The older generation, from 1; -2 is the one before."
        ),
    ] = -2,
    new: Annotated[
        int, typer.Option("--to", metavar="N", help="The newer generation; -1 is the newest.")
    ] = -1,
    as_json: Json = False,
) -> None:
    """List the records that are new, gone or changed since a partition was harvested before.

    By their key, as JSON Lines: change, resource, partition, key, before and after. Then, on
    stderr, how many, and which fields are new, lost or of another type. With --json only these
    numbers, as one object.

    \b
    Examples:
      harvester diff data/works
      harvester diff data/works --from 1 --to 3 --key doi | jq -r .key

    \b
    Exit codes:
      0  compared, whether they differ or not
      2  wrong usage: no key, no such resource or partition
      5  no folder of a harvest, or a damaged one
    """  # noqa: D301 - the \b is click's: leave the lines as they are
    from harvester.results import GenerationDiff
    from harvester.terminal import compared

    chosen = pairs(partition)
    found = GenerationDiff(
        folder,
        resources=resource or (),
        partition=chosen,
        key=key or (),
        old=old,
        new=new,
    )
    if as_json:
        for _ in found:
            pass
        print_json({"resources": [each.as_dict() for each in found.comparisons]})
        return
    write_blocks(each.line() + b"\n" for each in found)
    for each in found.comparisons:
        say(compared(each))


@app.command()
def sql(
    folder: Folder,
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help="SQL, as DuckDB has it; resources are tables.")
    ],
    prefix: Annotated[
        str, typer.Option(metavar="TEXT", help="Before the names of the partitions' columns.")
    ] = "_",
    as_json: Json = False,
) -> None:
    """Answer SQL over the harvest as it lies there: each resource is a table, nothing is copied.

    The columns are those of an export to Parquet. Each table that the query names is read once
    for its columns, and once each time that the query reads it; memory stays flat. The answer is
    CSV under a header, or JSON Lines. Needs the extra: pip install 'api-harvester[export]'

    \b
    Examples:
      harvester sql data/tweets "SELECT lang, count(*) FROM tweets GROUP BY lang"
      harvester sql data/shop "SELECT * FROM orders JOIN users ON users.id = orders.user_id"
      harvester sql data/shop "COPY (SELECT id FROM orders) TO 'ids.parquet'"

    \b
    Exit codes:
      0  answered, or whoever read it had enough
      2  wrong SQL, no such table, or the extra is missing
      5  no folder of a harvest, or a damaged one
    """  # noqa: D301 - the \b is click's: leave the lines as they are
    from harvester.export import answered, lines_of

    with answered(folder, query, prefix=prefix) as found:
        write_blocks(lines_of(found, as_json=as_json))


@app.command()
def report(
    folder: Folder,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write it.  [DIR/report.html]")
    ] = None,
) -> None:
    """Write a report: one HTML file with charts, which needs no network.

    What came and what is missing, when and how fast, waits and lost tries, the server's totals
    against what came, every partition. Also while a run goes on. An earlier report is replaced.
    Needs the extra: pip install 'api-harvester[report]'

    \b
    Examples:
      harvester report data/tweets
      harvester report data/tweets --out tweets.html

    \b
    Exit codes:
      0  written; its name is printed
      2  wrong usage, or the extra is missing
      4  the file cannot be written
      5  no folder of a harvest, or a damaged one
    """  # noqa: D301 - the \b is click's: leave the lines as they are
    from harvester.report import write_report

    answer(str(write_report(folder, out)))


@app.command()
def serve(
    folder: Folder,
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="The port; 0 takes a free one.")
    ] = 0,
    unlimited: Annotated[
        bool,
        typer.Option("--unlimited", help="Leave out what the API said of its rate limit."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Play a harvest back as the API that it came from, on this machine only.

    \b
    harvester serve data/tweets --port 8080
    curl 'http://127.0.0.1:8080/2/tweets/search/all?query=from:nasa&…'
    harvester run tweets.yaml --base-url http://127.0.0.1:8080/2/ --out again

    The first line on stdout is the base URL, once it answers. Requests that the harvest made get
    what it got: paths, cursors, status, the stored bytes, and the headers that the journal keeps.
    The next link leads back here; nothing else in a page is changed. A secret may be anything, and
    requests for a token get one. Any other request gets a 404 that says what comes near.

    Rate limits are played back too, and a client that heeds them waits as it did then, but for
    --unlimited. Ctrl-C ends it.

    Exit codes: 0 ended by Ctrl-C or SIGTERM, 2 bad usage or a port that is taken, 5 the data on
    disk is damaged.
    """  # noqa: D301 - the \b is click's: leave the lines as they are
    import threading

    from harvester.model import one_line
    from harvester.replay import Replay

    ended = threading.Event()
    for number_ in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number_, lambda *_: ended.set())

    def unknown(method: str, target: str) -> None:
        say(one_line(f"404 {method} {target}: never harvested"))

    def fault(message: str) -> None:
        say(one_line(f"an answer broke off: {message}; see `harvester verify`"))

    with Replay(
        folder, port=port, unlimited=unlimited, on_unknown=unknown, on_fault=fault
    ) as replay:
        if as_json:
            print_json(
                {"base_url": replay.base_url, "origin": replay.origin, "pages": replay.index.pages}
            )
        else:
            answer(replay.base_url)
        sys.stdout.flush()
        say(f"{number(replay.index.pages, 'page')} of {folder}; Ctrl-C ends")
        if example := replay.index.example():
            say(f"curl --compressed {shlex.quote(replay.origin + example)}")
        say(f"harvester run CONFIG --base-url {replay.base_url} --out OTHER")
        for name, path in replay.elsewhere.items():
            say(f"but {name} asks {path}, whatever --base-url says: --set resources.{name}.path=…")
        ended.wait()
