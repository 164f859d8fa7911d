"""Records inside records: read from what is stored, without a request of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

from harvester import harvest, load_config
from harvester.errors import ConfigError
from harvester.results import embedded, iter_records
from tests.api_server import Answer, ApiServer

PAGE = (
    '{"orders": [{"id": 1, "items": [{"n": 1.10}, {"n": 12345678901234567890.5}]},'
    ' {"id": 2, "items": []}, {"id": 3}, {"id": 4, "items": [{"n": "é"}]}]}'
)
YAML = """
version: 1
name: shop
client: {base_url: BASE}
resources:
  - {name: orders, path: orders, data_selector: orders}
  - {name: lines, path: orders, data_selector: "orders[*].items"}
"""


def test_records_inside_records(tmp_path: Path) -> None:
    """As the server wrote them, by the command and by `data_selector`."""
    path, out = tmp_path / "c.yaml", tmp_path / "out"
    with ApiServer(lambda asked: Answer(text=PAGE)) as server:
        path.write_text(YAML.replace("BASE", server.origin))
        assert harvest(load_config(path), out=out).complete
    expected = ['{"n": 1.10}', '{"n": 12345678901234567890.5}', '{"n": "é"}']
    command = [sys.executable, "-m", "harvester", "records", str(out), "--resource", "orders"]
    done = subprocess.run([*command, "--inside", "items"], capture_output=True, check=True)
    assert done.stdout.decode().splitlines() == expected
    assert [each.decode() for each in iter_records(out, resources=["lines"])] == expected
    wrong = subprocess.run([*command, "--inside", "a[["], capture_output=True, check=False)
    assert wrong.returncode == 2
    assert b"Traceback" not in wrong.stderr


def test_deeper_and_no_paths() -> None:
    """Through arrays; what is no path is refused with its text."""
    record = b'{"a": [{"b": [1, 2]}, {"b": [3]}]}'
    assert [*embedded([record], "a[*].b")] == [b"1", b"2", b"3"]
    assert [*embedded([record], "c")] == []
    with pytest.raises(ConfigError, match="x"):
        embedded([record], "x[")
