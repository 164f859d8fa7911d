"""A real S3 server on loopback (moto), in a process of its own."""

import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, ClassVar

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testtest-secret"}


@dataclass(frozen=True)
class S3:
    """Where it listens. Each bucket is made by who needs it."""

    endpoint: str
    scheme: ClassVar[str] = "s3://"

    @property
    def env(self) -> dict[str, str]:
        """What a process needs to reach it."""
        return {
            **KEYS,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def options(self) -> Mapping[str, str]:
        """The same for the library."""
        return {
            "endpoint": self.endpoint,
            "region": "us-east-1",
            "access_key_id": KEYS["AWS_ACCESS_KEY_ID"],
            "secret_access_key": KEYS["AWS_SECRET_ACCESS_KEY"],
        }

    def bucket(self) -> str:
        """A new, empty bucket."""
        name = f"b{os.urandom(6).hex()}"
        self.ask("PUT", name).close()
        return name

    def place(self) -> str:
        """The URL of a harvest in a bucket of its own."""
        return f"s3://{self.bucket()}/deep/er"

    def ask(self, method: str, path: str, body: bytes = b"") -> Any:
        """What the server answers to a request of who may do all."""
        signed = AWSRequest(method, f"{self.endpoint}/{path}", data=body)
        signed.headers["Content-Type"] = "application/xml"
        keys = Credentials(KEYS["AWS_ACCESS_KEY_ID"], KEYS["AWS_SECRET_ACCESS_KEY"])
        S3SigV4Auth(keys, "s3", "us-east-1").add_auth(signed)
        asked = urllib.request.Request(
            signed.url, body or None, dict(signed.headers.items()), method=method
        )
        return urllib.request.urlopen(asked, timeout=30)


@contextmanager
def s3_server() -> Iterator[S3]:
    """A server that ends with the block."""
    code = (
        "from moto.server import main; import sys; "
        "sys.argv[1:] = ['-H', '127.0.0.1', '-p', '0']; main()"
    )
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=said,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        try:
            yield S3(_address(process, said))
        finally:
            process.kill()
            process.wait()


def _address(process: "subprocess.Popen[bytes]", said: IO[str]) -> str:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        text = os.pread(said.fileno(), 10_000, 0).decode()
        if found := re.search(r"http://127\.0\.0\.1:\d+", text):
            return found[0]
        assert process.poll() is None, text
        time.sleep(0.05)
    raise AssertionError("moto did not start")
