"""Runs each example of this folder for real: its orchestrator, installed into an environment of
its own, harvests from a server on loopback. Too heavy for CI; takes some minutes and 2 GB.

    python examples/orchestrators/try_all.py [airflow dagster dlt prefect]
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import venv
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGES, PER_PAGE = 3, 5
CONFIG = """
version: 1
name: works
client: {{base_url: "http://127.0.0.1:{port}/"}}
resources:
  - name: works
    path: works
    data_selector: data
    key: id
    paginator: {{type: page_number, page_param: page, page_size: {size}}}
"""

#: What is installed, and what runs the example.
TRIED = {
    "airflow": (["apache-airflow>=3"], ["-c", "import airflow_dag; airflow_dag.harvest_works"]),
    "dagster": (
        ["dagster"],
        [
            "-c",
            "import dagster, dagster_assets as a; assert dagster.materialize([a.works]).success",
        ],
    ),
    "dlt": (["dlt[duckdb]"], ["dlt_source.py", "{folder}"]),
    "prefect": (["prefect>=3"], ["prefect_flow.py", "{config}", "{folder}"]),
}


class Pages(BaseHTTPRequestHandler):
    """Three pages of five records, and then an empty one."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with the page that is asked for."""
        page = int(parse_qs(urlsplit(self.path).query)["page"][0])
        first = (page - 1) * PER_PAGE
        ids = range(first, first + PER_PAGE) if page <= PAGES else ()
        body = json.dumps({"data": [{"id": n} for n in ids]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def tried(name: str, config: Path, folder: Path, home: Path) -> None:
    """Install one and run it; raises where it fails."""
    packages, arguments = TRIED[name]
    where = home / name
    venv.create(where, with_pip=True)
    python = where / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", ROOT, *packages], check=True)
    env = {
        **os.environ,
        "HARVEST_CONFIG": str(config),
        "HARVEST_DIR": str(folder),
        "PYTHONPATH": str(HERE),
        "AIRFLOW_HOME": str(home / "airflow-home"),
        "DLT_DATA_DIR": str(home / "dlt"),
        "PREFECT_HOME": str(home / "prefect-home"),
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300",  # a busy machine
    }
    filled = [one.format(config=config, folder=folder) for one in arguments]
    filled = [str(HERE / one) if one.endswith(".py") else one for one in filled]
    subprocess.run([python, *filled], check=True, env=env, cwd=home)
    print(f"{name}: ok", flush=True)


def main(names: list[str]) -> None:
    """Try those that are named, or all."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as given:
        home = Path(given)
        config = home / "works.yaml"
        config.write_text(CONFIG.format(port=server.server_port, size=PER_PAGE))
        for name in names or sorted(TRIED, key=lambda one: one == "dlt"):
            folder = home / "data" / ("works" if name == "dlt" else name)
            if name == "dlt":  # it reads a harvest
                command = ["-m", "harvester", "run", config, "--out", folder]
                subprocess.run(
                    [sys.executable, *command],
                    check=True,
                    env={**os.environ, "PYTHONPATH": str(ROOT)},
                )
            tried(name, config, folder, home)


if __name__ == "__main__":
    main(sys.argv[1:])
