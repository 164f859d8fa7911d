"""Coming back to a real server that sends ETags: JSON files behind Werkzeug's `send_file`."""

import json
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harvester import harvest, iter_records, load_config, verify
from tests.support import write_config

flask = pytest.importorskip("flask")
serving = pytest.importorskip("werkzeug.serving")

YAML = """
version: 1
name: files
client: {{base_url: "http://127.0.0.1:{port}/"}}
resources:
  - name: items
    path: page-1.json
    data_selector: items
    key: id
    refresh: {{after: 0, conditional: true}}
    paginator: {{type: json_link, next_url_path: next}}
"""


class Files:
    """The server, and the status of each answer."""

    def __init__(self, folder: Path) -> None:
        app: Any = flask.Flask("files", static_folder=str(folder), static_url_path="/")
        self.statuses: list[int] = []

        def counted(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
            def started(status: str, *rest: Any) -> Any:
                self.statuses.append(int(status[:3]))
                return start(status, *rest)

            answer: Iterable[bytes] = app(environ, started)
            return answer

        self.server: Any = serving.make_server("127.0.0.1", 0, counted, threaded=True)

    def answered(self) -> list[int]:
        """The statuses since this was asked last."""
        found, self.statuses = self.statuses, []
        return found


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    """The server of three pages."""
    (tmp_path / "served").mkdir()
    for number in (1, 2, 3):
        write_page(tmp_path, number, [number * 10, number * 10 + 1])
    files = Files(tmp_path / "served")
    thread = threading.Thread(target=files.server.serve_forever)
    thread.start()
    yield files
    files.server.shutdown()
    thread.join()
    files.server.server_close()


def write_page(tmp_path: Path, number: int, ids: list[int]) -> None:
    """A page, with a link to the next."""
    following = f"page-{number + 1}.json" if number < 3 else None
    page = {"items": [{"id": one} for one in ids], "next": following}
    (tmp_path / "served" / f"page-{number}.json").write_text(json.dumps(page))


def test_only_what_has_changed_comes_again(tmp_path: Path, files: Files) -> None:
    """A page that is as it was costs a 304; one that has changed is fetched; each time the next
    generation is whole.
    """
    out = tmp_path / "out"
    config = load_config(write_config(tmp_path, YAML.format(port=files.server.port)))
    assert harvest(config, out=out).complete
    assert files.answered() == [200, 200, 200]
    assert harvest(config, out=out).complete
    assert files.answered() == [304, 304, 304]
    write_page(tmp_path, 2, [20, 21, 22])
    assert harvest(config, out=out).complete
    assert files.answered() == [304, 200, 304]
    found = [json.loads(line)["id"] for line in iter_records(out)]
    assert found == [10, 11, 20, 21, 22, 30, 31]
    before = [json.loads(line)["id"] for line in iter_records(out, generation=1)]
    assert before == [10, 11, 20, 21, 30, 31]
    assert verify(out, deep=True).ok
