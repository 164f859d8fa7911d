"""`harvester init` on APIs whose pages are no JSON: the YAML harvests them."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harvester import harvest, iter_records, load_config
from tests.api_server import Answer, ApiServer, Asked
from tests.integration.test_format_harvests import document, lines, table
from tests.support import run

ROWS = [{"id": str(n), "name": f"n{n}"} for n in range(25)]
KINDS = {
    "jsonl": ("application/x-ndjson", lines),
    "csv": ("text/csv", table),
    "xml": ("application/xml", document),
}


@pytest.mark.parametrize("name", KINDS)
def test_init_reads_other_formats(name: str, tmp_path: Path) -> None:
    """Page numbers are found and proven by a second page, and the format is said."""
    kind, body = KINDS[name]

    def answer(asked: Asked) -> Answer:
        page = int(asked.params["page"])
        rows = ROWS[(page - 1) * 10 : page * 10]
        return Answer(text=body(rows, ""), headers={"Content-Type": kind})

    path = tmp_path / "made.yaml"
    with ApiServer(answer) as server:
        command = [sys.executable, "-m", "harvester", "init", f"{server.origin}/items?page=1"]
        done: subprocess.CompletedProcess[str] = run([*command, "--out", str(path)])
        assert done.returncode == 0, done.stderr
        assert re.search(rf"^ +format: {name}$", path.read_text(), re.MULTILINE)
        assert "type: page_number" in path.read_text()
        summary = harvest(load_config(path), out=tmp_path / "out")
    assert summary.complete, summary.failures
    assert len({json.dumps(json.loads(one)) for one in iter_records(tmp_path / "out")}) == 25
