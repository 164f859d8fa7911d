"""The whole way of a person: from the curl line of an API never seen to a query of its records.

`init` → `check --live` → `run` → `export` → DuckDB, without a word of the YAML changed. The lines
in tests/curl are those that the vendors' pages print, asked of the emulations that configs/ is
tested with, for one partition of what these harvest: parents and further partitions are for a
person to add. What is harvested must be what the emulation holds, record by record. `init` knows
none of configs/.
"""

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from harvester import harvest, iter_records, load_config
from harvester.config import Config
from harvester.config.lint import lints
from harvester.emulator.shapes import v2_tweets
from harvester.engine.check import check_live
from harvester.export import export
from harvester.scaffold.probing import MOST_REQUESTS
from harvester.scaffold.proposing import Proposal, named, propose
from harvester.scaffold.reading import given
from tests.api_server import Answer, ApiServer, Asked
from tests.datasette_server import datasette
from tests.emulations import Emulation
from tests.support import ENVIRONMENT

HERE = Path(__file__).parents[1]
LINES = sorted((HERE / "curl").glob("*.sh"))
HARVESTER = (sys.executable, "-m", "harvester")


@dataclass(frozen=True)
class Leads:
    """What a line leads to: an expression over its emulation's names, and the types of paginator
    that are as good as that of configs/. `env` are variables besides the emulation's own.
    """

    records: Callable[[Any], Any]
    also: tuple[str, ...] = ()
    env: Callable[[Any], Mapping[str, str]] = field(default=lambda of: {})


def _counts(of: Any) -> list[Any]:
    """The days of the year, as the pages have them."""
    return [
        of._count(of.POSTS.tweets, "from:nasa", day)
        for page_end in range(365, 0, -31)
        for day in range(max(0, page_end - 31), page_end)
    ]


def _posts(of: Any) -> list[Any]:
    start, end = datetime(2021, 1, 1, tzinfo=UTC), datetime(2021, 3, 1, tzinfo=UTC)
    return list(v2_tweets(of.POSTS.tweets.between("from:nasa", start, end), ()))


def _recent(of: Any) -> list[Any]:
    found = of.POSTS.tweets.between("from:nasa", of.END - timedelta(days=7), of.END)
    return list(v2_tweets(found, of.FIELDS))


LEADS: dict[str, Leads] = {
    "bluesky_search": Leads(lambda of: of.POSTS["2024-01-01"]),
    "ckan_datastore": Leads(lambda of: of.ROWS),
    "clinicaltrials_studies": Leads(lambda of: of.STUDIES["Crohn Disease"]),
    "crossref_works": Leads(lambda of: [of._work("10.1371", 2023, n) for n in range(2100)]),
    "datacite_dois": Leads(lambda of: [of._doi("gbif.gbif", n) for n in range(1003)]),
    "discord_messages": Leads(lambda of: of.MESSAGES["175928847299117063"]),
    "elasticsearch_scroll": Leads(lambda of: of.HITS[0]),
    "elasticsearch_search_after": Leads(lambda of: of.HITS[1]),
    "europepmc_search": Leads(lambda of: of.ARTICLES['DISEASE:"Crohn disease"']),
    "federal_register": Leads(
        lambda of: [one for one in of.DOCUMENTS if one["publication_date"] <= "2024-01-07"]
    ),
    "gbif_occurrences": Leads(lambda of: of.FOUND[2021]),
    "github_graphql_stargazers": Leads(lambda of: [of._edge("datasette", n) for n in range(230)]),
    "github_issues": Leads(lambda of: [of._issue("simonw/datasette", 1 + n) for n in range(250)]),
    "gitlab_projects": Leads(lambda of: of.PROJECTS["astronomy"]),
    "hackernews_algolia": Leads(lambda of: of.STORIES),
    "hubspot_contacts": Leads(lambda of: [of._contact("false", n) for n in range(230)]),
    "jira_search": Leads(lambda of: [of._issue("ABC", 2023, n) for n in range(250)]),
    "klaviyo_events": Leads(lambda of: of.EVENTS),
    "kubernetes_pods": Leads(lambda of: of.PODS),
    "linear_issues": Leads(lambda of: of.ISSUES),
    "mastodon_timeline": Leads(lambda of: of.STATUSES["caturday"]),
    "mediawiki_allpages": Leads(lambda of: of.PAGES[0]),
    "microsoft_graph_users": Leads(lambda of: of.USERS, env=lambda of: {"ACCESS_TOKEN": of.TOKEN}),
    "notion_database": Leads(lambda of: of.ROWS),
    "ogc_features": Leads(lambda of: of.FEATURES["PE", 2022]),
    "okta_system_log": Leads(lambda of: of.EVENTS),
    "openalex_works": Leads(lambda of: of.WORKS[2023]),
    "pokeapi": Leads(lambda of: [of._listed(name) for name in of.NAMES]),
    "reddit_listing": Leads(
        lambda of: of.POSTS["datascience"], env=lambda of: {"REDDIT_TOKEN": of.TOKEN}
    ),
    "salesforce_query": Leads(lambda of: [of._account(2023, n) for n in range(600)]),
    "sentry_issues": Leads(lambda of: of.ISSUES),
    "shopify_orders": Leads(lambda of: [of._order("2025-01-01T00:00:00Z", n) for n in range(600)]),
    "slack_history": Leads(lambda of: of.CHANNELS),
    "socrata_dataset": Leads(lambda of: of.ROWS[2023]),
    "spotify_saved_tracks": Leads(
        lambda of: of.TRACKS, env=lambda of: {"SPOTIFY_ACCESS_TOKEN": of.TOKEN}
    ),
    "stac_search": Leads(lambda of: of.ITEMS["sentinel-2-l2a", 1]),
    "stripe_charges": Leads(
        lambda of: [one for one in of.CHARGES if one["created"] < of.FEBRUARY], also=("keyset",)
    ),
    "twitter_counts_all": Leads(_counts),
    "twitter_search_all": Leads(_posts),
    "twitter_search_recent": Leads(_recent),
    "twitter_search_v1": Leads(lambda of: of._statuses("from:nasa"), also=("json_link",)),
    "woocommerce_orders": Leads(lambda of: of.ORDERS),
    "xkcd": Leads(lambda of: [of.COMICS[403]]),
    "youtube_search": Leads(lambda of: of.VIDEOS["2024-01-01"]),
    "zendesk_tickets": Leads(lambda of: of.TICKETS),
}
#: Those whose lines ask for what `init` cannot know of: what a program signs, walks, goes on from.
#: `tests/integration/test_configs.py` harvests each.
WITHOUT_LINE = {
    "aws_cost_explorer": "a signature",
    "binance_trades": "a signature",
    "elasticsearch_windows": "a search that shows its first results",
    "hackernews_comments": "comments below comments",
    "github_search_repositories": "a search that shows its first results",
    "salesforce_bulk_query": "a job",
    "stripe_invoices": "records inside records, and those of them that are not shown",
    "quickbooks_invoices": "a place within a query's text",
    "wikipedia_categories": "categories below categories",
    "zendesk_incremental_tickets": "a link of the last page",
    "github_app_repositories": "a token that is signed for",
    "google_calendar_events": "a token of the last page",
    "google_drive_tree": "folders within folders",
    "google_search_console": "a token that is signed for",
    "microsoft_graph_delta": "a link of the last page",
}
#: xkcd's number stands in the path: one comic is all that its line asks for.
ONE_PAGE = ("xkcd",)


class Patient:
    """An emulation that answers a wrong request with 400, as its vendor does, while `init` finds
    out what is right. Then it is as strict as for configs/ again.
    """

    def __init__(self, emulation: Emulation) -> None:
        self.emulation = emulation
        self.probing = True

    def answer(self, asked: Asked) -> Answer:
        """The emulation's answer."""
        try:
            return self.emulation.answer(asked)
        except Exception:
            if self.probing:
                return Answer({"error": "bad request"}, 400)
            raise


def line_of(path: Path, server: ApiServer) -> str:
    """The curl line, asked of this machine."""
    return path.read_text().replace("{origin}", server.origin)


def environment(module: Any, server: Patient) -> dict[str, str]:
    """The variables that the line names, as a person would have set them."""
    env = {**module.EMULATION.env, **LEADS[module.__name__.rpartition(".")[2]].env(module)}
    if "BLUESKY_HANDLE" in env:  # the line's token is what a login gave
        login = {"identifier": env["BLUESKY_HANDLE"], "password": env["BLUESKY_APP_PASSWORD"]}
        asked = Asked(
            "POST", "/xrpc/com.atproto.server.createSession", (),
            {"content-type": "application/json"}, json.dumps(login).encode(), "",
        )  # fmt: skip
        env["ACCESS_JWT"] = server.answer(asked).json["accessJwt"]
    return env


def proposed(text: str, env: Mapping[str, str], **options: Any) -> Proposal:
    """What `harvester init` makes of a line; nobody waits."""
    found = given([text], lambda: "", env=env, **options)
    asks = [one.ask for one in found.wanted]
    return propose(
        found.wanted, name=named(asks, None), source=found.source, env=env, sleep=lambda _: None,
        **options,
    )  # fmt: skip


def walked(config: Config, path: Path, out: Path) -> list[Any]:
    """`check --live` and `run`, both without a fault; the records."""
    assert lints(path, config) == []
    [seen] = check_live(config)
    assert seen.error is None
    assert seen.records or seen.next
    summary = harvest(config, out=out)
    assert summary.exit_code == 0, summary.failures
    return [json.loads(line) for line in iter_records(out)]


def queried(out: Path, target: Path) -> int:
    """`export`, and what DuckDB counts in the file."""
    done = export(out, target)
    [count] = done.records.values()
    with duckdb.connect() as database:
        found = database.execute("SELECT count(*) FROM read_parquet(?)", [str(target)]).fetchall()
    assert found == [(count,)]
    return count


def test_every_emulation_has_its_line() -> None:
    """None of configs/ is left out, but those of other formats than JSON: `init` says their format,
    and a person how they page (`tests/integration/test_configs.py` harvests each). Nor those that
    are named with their reason.
    """
    texts = {path.stem: path.read_text() for path in (HERE.parent / "configs").glob("*.yaml")}
    emulations = {stem for stem, text in texts.items() if "\n    format: " not in text}
    assert {path.stem for path in LINES} == emulations - WITHOUT_LINE.keys() == set(LEADS)
    assert WITHOUT_LINE.keys() <= emulations


@pytest.mark.parametrize("path", LINES, ids=lambda path: path.stem)
def test_from_the_curl_line_to_every_record(path: Path, tmp_path: Path) -> None:
    """The line becomes a YAML that harvests what the emulation holds, in order, at the cost of
    few requests, and that pages as the hand-written one does.
    """
    module = import_module(f"tests.emulations.{path.stem}")
    leads, patient = LEADS[path.stem], Patient(module.EMULATION)
    with ApiServer(patient.answer) as server:
        env = environment(module, patient)
        proposal = proposed(line_of(path, server), env)
        assert len(server.asked) == proposal.requests <= MOST_REQUESTS
        patient.probing = False
        file = tmp_path / "way.yaml"
        file.write_text(proposal.text)
        config = load_config(file, env={**env, **proposal.values})
        records = walked(config, file, tmp_path / "out")
    wanted = leads.records(module)
    if config.resources[0].partitions:  # windows of time: the earliest is the first
        records, wanted = (sorted(each, key=json.dumps) for each in (records, wanted))
    assert records == wanted
    assert queried(tmp_path / "out", tmp_path / "way.parquet") == len(records)
    assert proposal.proven is (path.stem not in ONE_PAGE)
    by_hand = yaml.safe_load((HERE.parent / "configs" / f"{path.stem}.yaml").read_text())
    type_ = by_hand["resources"][0].get("paginator", {"type": "single_page"})["type"]
    assert config.resources[0].paginator.type in (type_, *leads.also)


@pytest.mark.parametrize("path", LINES, ids=lambda path: path.stem)
def test_no_secret_of_a_line_is_written(path: Path) -> None:
    """The same lines as a shell hands them over, values in place of variables: none of the
    secrets is in the file or in what is told.
    """
    module = import_module(f"tests.emulations.{path.stem}")
    env = {**module.EMULATION.env, **LEADS[path.stem].env(module), "ACCESS_JWT": "eyJ.bluesky-ex.1"}
    named_by_line = set(re.findall(r"\$([A-Z_]+)", path.read_text()))
    text = path.read_text().replace("{origin}", "http://127.0.0.1:9")
    for name in named_by_line:
        text = text.replace(f"${name}", env[name])
    proposal = proposed(text, {}, offline=True)
    findings = (line for lines in proposal.findings.values() for line in lines)
    told = "\n".join(
        (proposal.text, *proposal.notes, *proposal.unsure, *proposal.exports, *findings)
    )
    # An address in a User-Agent is for the server's administrators to read.
    secrets = {env[name] for name in named_by_line if name != "WIKI_CONTACT"}
    assert [value for value in secrets if value in told] == []
    assert len(proposal.values) >= bool(secrets)


# --- By the commands themselves ------------------------------------------------------------------


def command(
    *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command of the program to its end, without a fault."""
    done = subprocess.run(
        [*HARVESTER, *map(str, arguments)], env={**ENVIRONMENT, **(env or {})}, cwd=cwd,
        input=stdin, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


def commanded(cwd: Path, name: str, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """`check --live`, `run`, `export` and a query by DuckDB: how many records, and the table that
    `check` printed.
    """
    checked = command("check", f"{name}.yaml", "--live", cwd=cwd, env=env).stdout
    ran = command("run", f"{name}.yaml", "--json", cwd=cwd, env=env)
    [resource] = json.loads(ran.stdout)["resources"]
    command("export", f"data/{name}", f"{name}.duckdb", cwd=cwd)
    with duckdb.connect(str(cwd / f"{name}.duckdb"), read_only=True) as database:
        found = database.execute(f'SELECT count(*) FROM "{resource["name"]}"').fetchall()
    count = int(resource["records"])
    assert found == [(count,)]
    return count, checked


@pytest.fixture
def emulator() -> Iterator[tuple[str, str]]:
    """The built-in emulator as a person starts it: its URL, and the line that it suggests."""
    options = ["--tweets", "1000", "--requests", "10000", "--window", "1"]
    with subprocess.Popen(
        [sys.executable, "-m", "harvester.emulator", *options],
        env=ENVIRONMENT, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            base_url, suggested, _ = (process.stdout.readline().strip() for _ in range(3))
            yield base_url, suggested.partition("Try:")[2].strip()
        finally:
            process.terminate()


def test_from_the_line_that_the_emulator_prints(emulator: tuple[str, str], tmp_path: Path) -> None:
    """The built-in API's own curl line, on stdin: every tweet of the query arrives."""
    _, suggested = emulator
    done = command("init", "-", "--name", "moon", cwd=tmp_path, stdin=suggested)
    assert "proven: the next page has" in done.stderr
    assert "export MOON_TOKEN=…" in done.stderr
    assert "demo" not in (tmp_path / "moon.yaml").read_text()
    env = {"MOON_TOKEN": "demo"}
    records, checked = commanded(tmp_path, "moon", env)
    assert "next_token" in (tmp_path / "moon.yaml").read_text()
    assert "of 10000 left" in checked
    assert records > 20


def test_from_a_post_of_the_emulator(emulator: tuple[str, str], tmp_path: Path) -> None:
    """Premium's search takes its token in the body, under the name that it came with."""
    base_url, _ = emulator
    url = f"{base_url.removesuffix('2/')}1.1/tweets/search/fullarchive/dev.json"
    env = {"SEARCH_BEARER": "demo"}
    command(
        "init", "--name", "premium",
        f"""curl -X POST "{url}" -H "authorization: Bearer $SEARCH_BEARER" """
        """-d '{"query": "from:nasa", "maxResults": "10"}'""",
        cwd=tmp_path, env=env,
    )  # fmt: skip
    records, _ = commanded(tmp_path, "premium", env)
    assert records > 20


def test_from_a_page_of_datasette(tmp_path: Path) -> None:
    """A real server that nobody here wrote, as a shell hands its line over; rows are objects."""
    database = tmp_path / "shop.db"
    with sqlite3.connect(database) as connection:
        connection.execute("create table items (id integer primary key, name text, price real)")
        rows = [(n, f"№ {n}", n / 4) for n in range(1, 2346)]
        connection.executemany("insert into items values (?, ?, ?)", rows)
    connection.close()
    with datasette(database) as base_url:
        line = ("curl", "-s", f"{base_url}shop/items.json?_size=1000&_shape=objects")
        command("init", "--name", "items", *line, cwd=tmp_path)
        records, _ = commanded(tmp_path, "items")
    assert records == 2345
