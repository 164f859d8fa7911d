"""The report: what it says of real harvests, that it loads nothing, and that it stays small."""

import base64
import hashlib
import json
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from harvester import harvest, load_config, status, verify
from harvester.emulator import UNLIMITED, Emulator, Faults
from harvester.errors import ConfigError, DataRefused
from harvester.repair import begin_again
from harvester.report import NAME, write_report
from harvester.report.facts import MOST_LISTED, gather
from harvester.report.timeline import line_names
from harvester.results.last_run import LAST_RUN, read_statistics
from harvester.store import manifest as folder
from harvester.store.entries import Header, encode
from tests.screenshots import chromium
from tests.support import (
    ITEMS,
    SEARCH,
    Reply,
    Scripted,
    chain,
    config,
    entry,
    run,
    write_config,
)

EVIL = "<script>alert(1)</script>"
WORSE = "\"'><img src=x onerror=alert(1)>"

#: Queries by months, with totals; the server fails where it is told to.
MONTHS = """
version: 1
name: months
client:
  base_url: http://127.0.0.1:1/
  auth: {type: api_key, name: key, value: "{env.KEY}", location: query}
  retry: {attempts: 2, max_wait: 0.01}
resources:
  - name: items
    path: items
    params: {at: "{window.start:%m}", q: "{query}"}
    partitions:
      query: [cats, dogs]
      window: {start: 2021-01-01, end: 2022-01-01, step: 1mo}
    data_selector: data
    paginator: {type: offset, limit: 5, total_path: total}
"""


class Page(HTMLParser):
    """A report as a browser takes it: elements with their attributes, and what is read."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.html = path.read_text()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.code: dict[str, str] = {"script": "", "style": ""}
        self._inside: list[str] = []
        self.feed(self.html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of an element."""
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag in self.code:
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Leave it."""
        if tag in self.code:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        """Take what stands in it."""
        if self._inside:
            self.code[self._inside[-1]] += data
        elif data.strip():
            self.words.append(" ".join(data.split()))

    @property
    def text(self) -> str:
        """All that is to be read, on one line."""
        return " ".join(self.words)

    def tips(self) -> list[str]:
        """What the marks of the charts say."""
        return [given["aria-label"] for _, given in self.elements if "aria-label" in given]


def months(out: Path, tmp_path: Path, *changes: str) -> Path:
    """A harvest in which two windows fail, two are empty, and one total is wrong."""

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        month, query, offset = asked["at"], asked["q"], int(asked["offset"])
        if query == "dogs" and month in ("04", "05"):
            return Reply({"error": "no dogs today"}, status=400)
        if query == "cats" and month in ("08", "09"):
            return Reply({"data": [], "total": 0})
        data = [{"id": number} for number in range(offset, min(12, offset + 5))]
        return Reply({"data": data, "total": 15 if month == "02" else 12})

    with Scripted(respond) as server:
        asked = load_config(
            write_config(tmp_path, MONTHS),
            base_url=server.base_url,
            set=changes,
            env={"KEY": "hush-hush-value"},
        )
        harvest(asked, out=out)
    return out


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The harvest of `months`, made once; its tests change nothing in it but the report."""
    place = tmp_path_factory.mktemp("troubled")
    values = json.dumps(["cats", "dogs", EVIL, WORSE])
    return months(place / "out", place, f"resources.items.partitions.query={values}")


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole harvest of the emulator, through its faults."""
    place = tmp_path_factory.mktemp("searched")
    faults = Faults(unavailable=0.05, reset=0.05, cut_gzip=0.1, short=0.2, empty=0.05)
    with Emulator(tweets=2_000, rate_limit=UNLIMITED, faults=faults) as emulator:
        assert harvest(config(place, SEARCH, emulator.base_url), out=place / "out").complete
    return place / "out"


@pytest.fixture(scope="module")
def troubled_page(troubled: Path) -> Page:
    """Its report."""
    return Page(write_report(troubled))


@pytest.fixture(scope="module")
def searched_page(searched: Path) -> Page:
    """The report of the emulator's harvest."""
    return Page(write_report(searched))


def written(out: Path, jobs: int, pages: int) -> Path:
    """A folder with `jobs` partitions of `pages` pages each: its journals only, as a report
    needs no parts. Every tenth partition is not finished.
    """
    out.parent.mkdir(exist_ok=True)
    text = ITEMS.replace("[a]", f"{{range: [1, {jobs}]}}")
    asked = config(out.parent, text, "http://127.0.0.1:1/")
    with folder.locked(out, fsync=False):
        folder.prepare(out, asked, datetime.now(UTC))
    began = datetime(2021, 1, 1, tzinfo=UTC)
    for job in range(1, jobs + 1):
        place = out / "items" / f"shard={job}"
        place.mkdir(parents=True)
        lines = [encode(Header("items", {"shard": str(job)}, "", "0.1.0", ""))]
        for seq in range(1, pages + 1):
            at = began + timedelta(seconds=(job * pages + seq) * 7)
            last = seq == pages and job % 10 != 0
            lines.append(encode(entry(
                seq, part=f"part-{seq:06d}.json.gz", stored_bytes=40, elapsed_s=0.1 + seq % 7 / 10,
                fetched_at=f"{at:%Y-%m-%dT%H:%M:%S}.000Z", done=last, attempts=1 + (seq % 9 == 0),
                reason="no_next_cursor" if last else None,
            )))  # fmt: skip
        (place / "journal.jsonl").write_bytes(b"".join(lines))
    return out


# --- What it says --------------------------------------------------------------------------------


def test_totals_are_those_of_status(searched: Path, searched_page: Page) -> None:
    """The numbers at the top, the state, and a row for each partition."""
    [found] = status(searched).resources
    top = searched_page.text.split("What came")[0]
    assert "Complete: all 4 partitions" in top
    for number, name in ((found.records, "records"), (found.pages, "pages"), (found.requests, "")):
        assert f"{name} {number:,}".strip() in top
    assert f"{found.retries:,} lost" in top
    assert found.retries > 3
    assert searched_page.text.count("no_next_cursor") == 5  # one a row, and their sum
    assert "Ended with no_next_cursor 4." in searched_page.text


def test_each_row_has_its_records_along_the_windows(searched: Path, searched_page: Page) -> None:
    """Two queries over two windows: the bars say how many records each has."""
    counts = {
        (partition["query"], partition["window"]): int(records)
        for partition, records in _records(searched)
    }
    assert len(counts) == 4
    for (query, window), records in counts.items():
        assert f"query={query}" in searched_page.text
        tip = f"{window.replace('_', ' to ')}: {records:,} records"
        assert tip in searched_page.tips(), searched_page.tips()
    assert "Records as they came" in searched_page.text
    assert "came with the first try" in searched_page.text


def _records(out: Path) -> list[tuple[dict[str, str], int]]:
    found = []
    for journal in sorted(out.rglob("journal.jsonl")):
        header, *lines = map(json.loads, journal.read_text().splitlines())
        found.append((header["partition"], sum(line["records"] for line in lines)))
    return found


def test_waits_and_lost_tries_by_reason(
    searched: Path, searched_page: Page, tmp_path: Path
) -> None:
    """As the run noted them; and where no run has noted any, that is said."""
    errors = read_statistics(searched).errors
    assert set(errors) >= {"the server answered 503", "the gzip body was cut before its end"}
    for kind, count in errors.items():
        assert f"{kind}: {count:,}" in searched_page.tips()
        assert any(tip.startswith(f"retrying: {kind}: ") for tip in searched_page.tips())
    assert "Noted by 1 run since" in searched_page.text
    old = shutil.copytree(searched, tmp_path / "old")
    (old / LAST_RUN).write_text('{"failed": {}, "failures": []}')
    page = Page(write_report(old))
    assert "No run has noted what it waited for or lost" in page.text
    assert "Waits by reason" not in page.text
    assert "Lost tries" in page.text  # those that the journals know


def test_gaps_are_marked_and_listed(troubled_page: Page) -> None:
    """Failed windows as one stretch, empty ones too, and the server's own words."""
    assert "Incomplete: 46 of 48 partitions complete, 2 failed" in troubled_page.text
    assert "items query=dogs 2021-04-01_2021-06-01 failed 2" in troubled_page.text
    assert "items query=cats 2021-08-01_2021-10-01 no records 2" in troubled_page.text
    assert "the server answered 400 2 Each of them" in troubled_page.text
    assert troubled_page.text.count('400 Bad Request: {"error": "no dogs today"}') == 2
    gap = "2021-04-01 to 2021-05-01 … 2021-05-01 to 2021-06-01: 0 records, 2 partitions, 2 failed"
    assert troubled_page.tips().count(gap) == 4  # a shade and a sign, for a screen and for a phone


def test_claims_against_what_came(troubled_page: Page) -> None:
    """The totals that were wrong, with the difference; failed partitions are not compared."""
    came = 44 * 12
    assert (
        f"Its totals came to {came + 4 * 3:,} records, and {came:,} records came"
        in troubled_page.text
    )
    assert "42 partitions as claimed, 4 not." in troubled_page.text
    assert "query=cats window=2021-02-01_2021-03-01 15 records 12 -3" in troubled_page.text


@pytest.mark.parametrize("total", [10**400, "9" * 900, -1, "many", True, None])
def test_totals_that_are_none(total: object, tmp_path: Path) -> None:
    """Whatever a server says, the page comes; what is no number, or a joke, is not compared."""
    reply = Reply(json.dumps({"data": [], "total": total}).encode())
    with Scripted(lambda path, asked: reply) as server:
        text = ITEMS.replace(
            "{type: cursor, cursor_path: next, cursor_param: cursor}",
            "{type: offset, limit: 5, total_path: total}",
        )
        harvest(config(tmp_path, text, server.base_url), out=tmp_path / "out")
    facts = gather(tmp_path / "out")
    assert (facts.claims.agree, facts.claims.differ) == (0, 0)


def test_restarts(tmp_path: Path) -> None:
    """Pages that were superseded are named, and do not count."""
    asked_seven = 0

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        nonlocal asked_seven
        if asked.get("cursor") == "7":
            asked_seven += 1
            if asked_seven == 1:
                return Reply({}, status=410)
        return chain(9)(path, asked)

    rule = "    response_actions: [{status: 410, action: restart}]\n    data_selector"
    with Scripted(respond) as server:
        asked = config(tmp_path, ITEMS.replace("    data_selector", rule), server.base_url)
        assert harvest(asked, out=tmp_path / "out").complete
    page = Page(write_report(tmp_path / "out"))
    assert "1 time a partition began again from its first page; 6 pages from before" in page.text
    facts = gather(tmp_path / "out")
    net = sum(sum(moment.records.values()) for _, _, moment in facts.moments)
    assert net == facts.resources["items"].records == 27
    assert sum(moment.came for _, _, moment in facts.moments) == 45


def test_how_fields_have_changed(tmp_path: Path) -> None:
    """New, lost and retyped fields between the two newest generations; none before there are two,
    and a page that cannot be read is said.
    """
    records: list[dict[str, object]] = [{"id": 1, "price": 1.5, EVIL: True, "same": None}]

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        return Reply({"data": records, "next": None})

    out = tmp_path / "out"
    with Scripted(respond) as server:
        asked = config(tmp_path, ITEMS.replace("[a]", "[a, b, c]"), server.base_url)
        assert harvest(asked, out=out).complete
        assert "What has changed since" not in Page(write_report(out)).text
        records[0] = {"id": 2, "price": "1.50", "owner": {"name": "x"}, "same": "text"}
        begin_again(asked, out)
        assert harvest(asked, out=out).complete
    page = Page(write_report(out))
    assert "3 partitions harvested again: 3 records before, 3 now." in page.text
    for row in (f"{EVIL} lost boolean", "owner new object", "owner.name new text",
                "price retyped number text"):  # fmt: skip
        assert row in page.text
    section = page.text.split("What has changed since")[1].split("How it came")[0]
    assert "id " not in section
    assert "same " not in section.replace("the same partitions", "")
    facts = gather(out, most_fields_of=2)
    assert [(each.before, each.left_out) for each in facts.drifts] == [(2, 1)]
    next(out.glob("items/*/part-000001.json.gz")).write_bytes(b"no gzip")
    assert "2 records before, 2 now; 1 cannot be read" in Page(write_report(out)).text


def test_before_the_first_page(tmp_path: Path) -> None:
    """A harvest without a page has a report too."""
    with Scripted(chain(1)) as server:
        stop = threading.Event()
        stop.set()
        harvest(config(tmp_path, ITEMS, server.base_url), out=tmp_path / "out", stop=stop)
    page = Page(write_report(tmp_path / "out"))
    assert "Incomplete: 0 of 1 partition complete" in page.text
    assert "No page has been committed yet." in page.text
    assert "Nothing: no page had a total" in page.text


def test_one_partition_without_values(tmp_path: Path) -> None:
    """The smallest harvest: no coverage to draw, one row."""
    text = ITEMS.replace("    partitions: {shard: [a]}\n", "").replace('"{shard}"', "x")
    with Scripted(chain(3)) as server:
        assert harvest(config(tmp_path, text, server.base_url), out=tmp_path / "out").complete
    page = Page(write_report(tmp_path / "out"))
    assert "Complete: 1 partition" in page.text
    assert "What came" not in page.text
    assert "3 records: 3 pages" in page.tips()


def test_lines_are_few_and_tell_of_most_records(tmp_path: Path, troubled_page: Page) -> None:
    """Each row has its line where there is room; where lines would tell of little, one is all."""
    legend = troubled_page.text.split("Records as they came")[1].split("Throughput")[0]
    assert legend.count("query=") == 4
    queries = json.dumps([f"q{number}" for number in range(20)])
    many = months(
        tmp_path / "out",
        tmp_path,
        f"resources.items.partitions.query={queries}",
        "resources.items.partitions.window.step=1y",
    )
    [line] = set(line_names(gather(many)).values())
    assert line == "items"


# --- What it must not do -------------------------------------------------------------------------

_LOADING = {"src", "href", "xlink:href", "srcset", "action", "data", "poster", "background", "ping"}


def test_it_loads_nothing(troubled_page: Page, searched_page: Page) -> None:
    """No element, attribute or style refers to anything outside, and the policy forbids it."""
    for page in (troubled_page, searched_page):
        for tag, given in page.elements:
            assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form", "image")
            assert not given.keys() & _LOADING, (tag, given)
            for name, value in given.items():
                assert "://" not in value, (tag, name, value)
                assert not re.search(r"url\((?!#)", value), (tag, name, value)
        assert not re.search(r"url\(|@import|://", page.code["style"])
        assert not re.search(r"://|\bimport\b|fetch|XMLHttp|\beval\b", page.code["script"])
        [policy] = [given["content"] for _, given in page.elements if "http-equiv" in given]
        digest = hashlib.sha256(page.code["script"].encode()).digest()
        assert policy.startswith("default-src 'none'; ")
        assert f"script-src 'sha256-{base64.b64encode(digest).decode()}'" in policy


def test_what_others_say_stays_text(troubled_page: Page) -> None:
    """Partition values that are HTML come out as words, in table and charts alike."""
    assert [tag for tag, _ in troubled_page.elements].count("script") == 1
    assert not [
        given for _, given in troubled_page.elements if any(name.startswith("on") for name in given)
    ]
    assert "alert" not in troubled_page.code["script"]
    for value in (EVIL, WORSE):
        assert f"query={value}" in troubled_page.text
    assert any(f"query={EVIL}" in tip for tip in troubled_page.tips())  # in a chart


def test_no_secret_in_it(troubled_page: Page) -> None:
    """Neither the key nor what carried it."""
    assert "hush-hush-value" not in troubled_page.html


def test_the_harvest_is_none_the_worse(tmp_path: Path) -> None:
    """A report in the folder is nothing to verify, status or the next run; it is replaced."""
    out = months(tmp_path / "out", tmp_path)
    first = write_report(out)
    assert first == out / NAME
    (out / f"{NAME}.tmp").write_text("half a page, of a report that was killed")
    assert verify(out, deep=True).ok
    before = status(out).as_dict()
    assert write_report(out).read_text().startswith("<!doctype html>")
    assert not (out / f"{NAME}.tmp").exists()
    assert status(out).as_dict() == before
    months(out, tmp_path)  # a further run takes the folder as it is
    assert "Noted by 2 runs" in Page(write_report(out)).text


def test_only_a_report_is_overwritten(troubled: Path, tmp_path: Path) -> None:
    """Whatever else is there stays, and a place that cannot be is refused before any work."""
    notes = tmp_path / "notes.html"
    notes.write_text("<!doctype html> my notes")
    for file, why in (
        (notes, "is no report"),
        (tmp_path, "is a folder"),
        (tmp_path / "none" / "x.html", "there is no folder"),
    ):
        with pytest.raises(ConfigError, match=why):
            write_report(troubled, file)
    assert notes.read_text() == "<!doctype html> my notes"


def test_damage_is_refused(tmp_path: Path) -> None:
    """As `status` does it; what was there stays."""
    out = months(tmp_path / "out", tmp_path)
    report = write_report(out)
    before = report.read_bytes()
    journal = next(path for path in sorted(out.rglob("journal.jsonl")))
    journal.write_bytes(journal.read_bytes().replace(b'"status":200', b'"status":201', 1))
    with pytest.raises(DataRefused, match="damaged"):
        write_report(out)
    assert report.read_bytes() == before


# --- The command ---------------------------------------------------------------------------------


def test_the_command(searched: Path, tmp_path: Path) -> None:
    """It prints where the report lies; elsewhere with --out."""
    file = tmp_path / "tweets.html"
    done = run([sys.executable, "-m", "harvester", "report", str(searched), "--out", str(file)])
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{file}\n", "")
    assert "Complete: all 4 partitions" in Page(file).text
    done = run([sys.executable, "-m", "harvester", "report", str(tmp_path)])
    assert done.returncode == 5
    assert "no harvest.json here" in done.stderr


@pytest.mark.parametrize("module", ["vl_convert", "jinja2"])
def test_without_the_extra(module: str, searched: Path, tmp_path: Path) -> None:
    """What is missing, and how to get it; nothing is written."""
    file = tmp_path / "x.html"
    code = (
        f"import sys; sys.modules[{module!r}] = None; from harvester.cli import main; "
        f"sys.argv = ['harvester', 'report', {str(searched)!r}, '--out', {str(file)!r}]; main()"
    )
    done = run([sys.executable, "-c", code])
    assert done.returncode == 2, done.stderr
    assert f"needs {module}" in done.stderr
    assert "pip install 'api-harvester[report]'" in done.stderr
    assert list(tmp_path.iterdir()) == []


# --- Size and speed ------------------------------------------------------------------------------


def test_many_partitions_are_bounded(tmp_path: Path) -> None:
    """What is listed is what matters most; the sums and the chart count all."""
    out = written(tmp_path / "out", jobs=MOST_LISTED + 400, pages=1)
    file = write_report(out)
    page = Page(file)
    assert "Incomplete: 2,160 of 2,400 partitions complete" in page.text
    assert "Listed are 2,000 of 2,400" in page.text
    rows = page.html.split('id="partitions"')[1]
    assert rows.count("<td>complete</td>") == MOST_LISTED - 240
    assert rows.count(">not finished</td>") == 240
    assert "shard 1 to 20: 60 records, 20 partitions, 2 not finished" in page.tips()
    assert "140 more partitions are in further stretches" in page.text
    assert file.stat().st_size < 1_500_000


@pytest.mark.slow("CPU time")
def test_many_pages_are_quick_and_flat(tmp_path: Path) -> None:
    """20,000 pages: a fifth of what must take a few seconds; the page does not grow with them."""
    small = write_report(written(tmp_path / "small" / "out", jobs=2, pages=400)).stat().st_size
    out = written(tmp_path / "large" / "out", jobs=2, pages=10_000)
    began = time.process_time()
    facts = gather(out)
    assert time.process_time() - began < 2
    assert facts.pages == 20_000
    assert len(facts.moments) <= 160
    assert sum(moment.pages for _, _, moment in facts.moments) == 20_000
    assert write_report(out).stat().st_size < 1.5 * small


# --- In a browser --------------------------------------------------------------------------------


def test_in_a_browser(troubled: Path) -> None:
    """Chromium runs its script and draws its charts, without a complaint on the console."""
    report = write_report(troubled)
    if shutil.which("chromium") is None:
        # A newcomer's machine may do without; CI, which installs it, may not.
        refuse = pytest.fail if os.environ.get("CI") else pytest.skip
        refuse("chromium is missing; install it (apt-get install chromium), as .ci/run does")
    done = chromium("--enable-logging=stderr", "--dump-dom", report.as_uri())
    assert done.returncode == 0, done.stderr
    assert "CONSOLE" not in done.stderr
    assert done.stdout.count("<svg") > 15
    assert re.search(r'<span class="where"[^>]*>1.48 of 48</span>', done.stdout)
    assert done.stdout.count("<th><button") == 11
    assert "<script>alert" not in done.stdout


#: Does what a person would, and writes what is to be seen then into the title.
_PERSON = """<script>
const seen = [];
const look = (selector) => document.querySelector(selector);
const mark = look("figure .screen rect, figure .screen [aria-roledescription='rect mark']");
const told = (kind, target) => target.dispatchEvent(new Event(kind, {bubbles: true}));
mark.dispatchEvent(new PointerEvent("pointermove", {bubbles: true, clientX: 300, clientY: 300}));
seen.push(look(".tip").textContent);
const column = (place) => [...document.querySelectorAll("#partitions tbody tr:not([hidden])")]
  .slice(0, 3).map((row) => row.cells[place].textContent).join();
look("#partitions th:nth-child(5) button").click();
seen.push(column(4));
look("#partitions th:nth-child(5) button").click();
seen.push(column(4));
look("#partitions select").value = "failed";
told("change", look("#partitions select"));
seen.push(look(".where").textContent);
look("#partitions input").value = "window=2021-05 dogs";
told("input", look("#partitions input"));
seen.push(look(".where").textContent);
document.title = seen.join("; ");
</script></body>"""


def test_by_hand(troubled: Path, tmp_path: Path) -> None:
    """A mark says what it stands for; the table sorts both ways and filters."""
    if shutil.which("chromium") is None:
        pytest.skip("chromium is missing; the test above says whether that is right")
    html = write_report(troubled).read_text()
    copy = tmp_path / "copy.html"  # without the policy, which would forbid the person's script
    copy.write_text(re.sub("<meta http-equiv[^>]*>", "", html).replace("</body>", _PERSON))
    done = chromium("--enable-logging=stderr", "--dump-dom", copy.as_uri())
    assert "CONSOLE" not in done.stderr
    [title] = re.findall("<title>(.*?)</title>", done.stdout)
    tip, *rest = title.split("; ")
    assert tip == "2021-01-01 to 2021-02-01: 12 records"
    assert rest == ["12,12,12", "0,0,0", "1\N{EN DASH}2 of 2", "1\N{EN DASH}1 of 1"]


def test_the_console_would_tell(tmp_path: Path) -> None:
    """That the test above can fail: an error, and what the policy forbids, are complaints."""
    if shutil.which("chromium") is None:
        pytest.skip("chromium is missing; the test above says whether that is right")
    page = tmp_path / "bad.html"
    page.write_text("<!doctype html><script>nothing.there()</script>")
    assert "CONSOLE" in chromium("--enable-logging=stderr", "--dump-dom", page.as_uri()).stderr
