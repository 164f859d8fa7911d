"""What a newcomer stumbles over in the first hour: each line is one that somebody did."""

import http.server
import re
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest
import yaml

from tests.cli.test_cli import harvester
from tests.support import ITEMS, Reply, Scripted, chain, write_config

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with config.yaml and what it harvested, in data/items; nobody serves it any more."""
    folder = tmp_path_factory.mktemp("home")
    with Scripted(chain(2)) as server:
        text = ITEMS.replace("http://localhost/", server.base_url)
        text = re.sub(r"base_url: [^,}\s]+", f"base_url: {server.base_url}", text)
        done = harvester("run", write_config(folder, text), cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_a_config_stands_for_its_folder(home: Path, tmp_path: Path) -> None:
    """Every command that reads a harvest takes its YAML, here and from elsewhere."""
    records = harvester("records", "config.yaml", cwd=home)
    assert (records.returncode, len(records.stdout.splitlines())) == (0, 6)
    assert records.stdout == harvester("records", "data/items", cwd=home).stdout
    for command in ("status", "verify"):
        done = harvester(command, home / "config.yaml", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    exported = harvester("export", "config.yaml", tmp_path / "x.jsonl", cwd=home)
    assert exported.returncode == 0, exported.stderr
    assert harvester("status", "data/items/harvest.json", cwd=home).returncode == 0


def test_a_reader_needs_no_secret(home: Path, tmp_path: Path) -> None:
    """A YAML whose variables are not set still says where its folder is."""
    path = tmp_path / "secret.yaml"
    text = (home / "config.yaml").read_text()
    path.write_text(text.replace("client:\n", 'client:\n  headers: {X-Key: "{env.NOT_SET}"}\n'))
    shutil.copytree(home / "data", tmp_path / "data")
    assert harvester("status", path, cwd=tmp_path).returncode == 0
    assert "NOT_SET is not set" in harvester("check", path).stderr


def test_a_config_without_a_harvest_says_where_it_would_be(tmp_path: Path) -> None:
    """One clear message, exit code 2, and the command that begins one."""
    write_config(tmp_path, ITEMS)
    done = harvester("status", "config.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert str(tmp_path / "data" / "items") in done.stderr
    assert "harvester run config.yaml" in done.stderr
    (tmp_path / "bad.yaml").write_text("name: [")
    broken = harvester("status", "bad.yaml", cwd=tmp_path)
    assert (broken.returncode, "Traceback" in broken.stderr) == (2, False)


def test_a_folder_stands_for_its_config(tmp_path: Path) -> None:
    """`run DIR` goes on with what the folder was begun with, on the server of today."""
    with Scripted(chain(3)) as server:
        path = write_config(tmp_path, ITEMS)
        begun = harvester("run", path, "--base-url", server.base_url, "--max-pages", "1",
                          cwd=tmp_path)  # fmt: skip
        assert begun.returncode == 4
        done = harvester("run", "data/items", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "Complete: 1 partition, 3 pages" in done.stderr
        assert harvester("check", "data/items", "--live", cwd=tmp_path).returncode == 0
    planned = harvester("plan", "data/items", cwd=tmp_path)
    assert (planned.returncode, planned.stdout.splitlines()[0]) == (0, "items")


def test_folders_are_named_in_full(home: Path) -> None:
    """Whatever directory a log is read in, it says which folder it is about."""
    full = str(home / "data" / "items")
    again = harvester("run", "config.yaml", cwd=home)
    assert full in again.stderr
    assert not re.search(r"(?<![/\w])data/items", again.stderr)
    assert full in harvester("status", "data/items", cwd=home).stdout
    (home / "data" / "x").mkdir(exist_ok=True)
    refused = harvester("status", "data/x", cwd=home)
    assert refused.returncode == 5
    assert str(home / "data" / "x") in refused.stderr


def test_a_shells_variable_is_answered_with_ours(tmp_path: Path) -> None:
    """`${TOKEN}` is told to be `{env.TOKEN}`, in one line each, with its place."""
    text = ITEMS.replace("params: {", 'params: {q: "${QUERY}", ')
    path = write_config(
        tmp_path, text.replace("client:\n", 'client:\n  headers: {X: "${TOKEN}"}\n')
    )
    said = harvester("check", path).stderr.splitlines()
    assert len(said) == 3
    assert sum("{env.QUERY}" in line and "resources[0].params.q" in line for line in said) == 1
    assert sum("{env.TOKEN}" in line and "client.headers.X" in line for line in said) == 1


def test_one_mistake_in_the_defaults_is_one_message(tmp_path: Path) -> None:
    """It is met in every resource, and told once; `--set` knows the place."""
    text = ITEMS + "  - {name: more, path: more}\nresource_defaults: {data_selecter: data}\n"
    path = write_config(tmp_path, text)
    said = harvester("check", path).stderr.splitlines()
    assert len(said) == 2
    assert "resource_defaults.data_selecter" in said[0]
    assert "did you mean 'data_selector'?" in said[0]
    good = write_config(tmp_path, text.replace("data_selecter", "data_selector"))
    done = harvester("check", good, "--set", "resource_defaults.allow_missing=maybe")
    assert "--set resource_defaults.allow_missing" in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_advice_says_where(tmp_path: Path) -> None:
    """An option that would mend it is named with its place in the YAML."""
    path = write_config(tmp_path, ITEMS)
    with Scripted(lambda path, parameters: Reply({"rows": [{"id": 1}]})) as server:
        done = harvester("check", path, "--live", "--base-url", server.base_url)
    assert "(resources[0].data_selector)" in done.stdout
    assert "in resources[0], or in resource_defaults" in done.stdout


def _always(reply: Reply, path: str, parameters: Mapping[str, str]) -> Reply:
    return reply


def test_check_live_quotes_what_came(tmp_path: Path) -> None:
    """A refusal and a page of HTML are told with the beginning of their bodies."""
    path = write_config(tmp_path, ITEMS)
    for status, body, kind in (
        (401, b'{"error": "no such token"}', "application/json"),
        (200, b"<html>please log in</html>", "text/html"),
    ):
        reply = Reply(body, status, {"Content-Type": kind})
        with Scripted(partial(_always, reply)) as server:
            done = harvester("check", path, "--live", "--base-url", server.base_url)
        assert done.returncode == 3
        assert body.decode() in done.stdout


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[int]:
    """The port of a server that speaks TLS only."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out",
         certificate, "-days", "2", "-subj", "/CN=localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_http_where_https_is_spoken(tls: int, tmp_path: Path) -> None:
    """And the other way round: the message says which letter is missing or too much."""
    path = write_config(tmp_path, ITEMS)
    plain = harvester("check", path, "--live", "--base-url", f"http://127.0.0.1:{tls}/")
    assert plain.returncode == 3
    assert "must begin with https:// (base_url)" in plain.stdout
    with Scripted(chain(1)) as server:
        secure = server.base_url.replace("http://", "https://")
        done = harvester("check", path, "--live", "--base-url", secure)
    assert done.returncode == 3
    assert "must the URL begin with http:// (base_url)?" in done.stdout


def test_verbose_shows_requests_and_answers_and_no_secret(tmp_path: Path) -> None:
    """Methods, URLs, headers and statuses on stderr; stdout is what it is without."""
    secret = "s3cr3t-Value+42"
    auth = 'auth: {type: api_key, name: key, location: query, value: "{env.MY_KEY}"}'
    headers = 'headers: {X-Team: "{env.MY_KEY}", User-Agent: lab}'
    text = ITEMS.replace("client:\n", f"client:\n  {auth}\n  {headers}\n")
    with Scripted(chain(2)) as server:
        done = harvester(
            "run", write_config(tmp_path, text), "-v", "--json", "--base-url", server.base_url,
            "--out", tmp_path / "out", env={"MY_KEY": secret},
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    asked = re.findall(r"> GET \S+", done.stderr)
    assert len(asked) == 2
    assert "cursor=2" in asked[1]
    assert "User-Agent: lab" in done.stderr
    assert done.stderr.count("< 200 OK") == 2
    assert "content-type: application/json" in done.stderr
    assert secret not in done.stderr
    assert "s3cr3t" not in done.stderr
    assert done.stdout.startswith("{")


def test_a_rerun_of_a_complete_harvest(home: Path) -> None:
    """It says that nothing was asked, since when it is complete, and how to take a fresh one."""
    done = harvester("run", "config.yaml", cwd=home)
    assert "Nothing was asked: it has been complete since" in done.stderr
    assert "redo" in done.stderr


def test_hints_fit_what_is_installed(home: Path) -> None:
    """No command is advised whose extra is missing."""
    program = (
        "import importlib.util as util, runpy, sys\n"
        "found = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name in "
        "('pyarrow', 'duckdb', 'vl_convert') else found(name, *rest)\n"
        "sys.argv = ['harvester', 'run', 'config.yaml']\n"
        "runpy.run_module('harvester', run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=home, capture_output=True, text=True, timeout=60,
        check=False, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert ".parquet" not in done.stderr
    assert "report" not in done.stderr
    assert "items.csv" in done.stderr


def test_the_idioms_lead_to_configs_that_have_them() -> None:
    """Each row's paginator, partitions and rules are in the file that it names."""
    for line in (ROOT / "docs" / "idioms.md").read_text().splitlines():
        found = re.fullmatch(r"\| .* \| `(.*)` \| \[(\w+)\]\(\.\./configs/.*", line)
        if not found:
            continue
        told = yaml.safe_load(found[1] if found[1].startswith("{") else f"{{{found[1]}}}")
        if "type" in told:
            continue  # of auth
        text = (ROOT / "configs" / f"{found[2]}.yaml").read_text()
        wanted = [str(told.get("paginator", {}).get("type", ""))]
        wanted += [key for key in ("first_params", "incremental", "next_request") if key in told]
        for spec in told.get("partitions", {}).values():
            wanted += [
                key for key in ("file:", "range:", "resource:", "step:")
                if isinstance(spec, dict) and key[:-1] in spec
            ]  # fmt: skip
            if "month by month" in line:
                wanted.append("step: 1mo")
        wanted += [f"action: {rule['action']}" for rule in told.get("response_actions", ())]
        for each in wanted:
            assert each in text, (found[2], each)
