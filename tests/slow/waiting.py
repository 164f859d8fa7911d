"""Serves chains of pages, each after a wait, from one process: what proofs of many workers ask.

    python -m tests.slow.waiting --pages 2 --records 20 --latency 0.2

`GET /items?shard=S&cursor=N` is page N of chain S. `GET /counted` gives what was asked so far: the
requests, and how many pages more than once; `/counted?moments` also when, and most in one window.
Its port is the first line of stdout.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen


@dataclass
class Api:
    """The chains, and who asked for what. `window_s` is that of a budget to count by."""

    pages: int
    records: int
    latency_s: float
    window_s: float = 1.0
    asked: Counter[tuple[str, int]] = field(default_factory=Counter)
    moments: list[float] = field(default_factory=list)

    def page(self, shard: str, number: int) -> bytes:
        """One page, whose records have a key of their own."""
        self.asked[shard, number] += 1
        self.moments.append(time.monotonic())
        data = [
            {"id": f"{shard}/{number}/{n}", "text": "what this record says " * 3}
            for n in range(self.records)
        ]
        following = str(number + 1) if number < self.pages else None
        return json.dumps({"data": data, "next": following}).encode()

    def counted(self, with_moments: bool) -> bytes:
        """The figures."""
        at = self.moments
        found: dict[str, Any] = {
            "requests": len(at),
            "pages": len(self.asked),
            "again": {str(n): times for n, times in Counter(self.asked.values()).items() if n > 1},
        }
        if with_moments:
            found["moments"] = [round(each - at[0], 3) for each in at]
            found["busiest"] = max(
                (bisect_right(at, first + self.window_s) - n for n, first in enumerate(at)),
                default=0,
            )
        return json.dumps(found).encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept alive."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                parts = urlsplit(head.split(b" ", 2)[1].decode())
                if parts.path == "/counted":
                    body = self.counted("moments" in parts.query)
                else:
                    query = parse_qs(parts.query)
                    body = self.page(query["shard"][0], int(query.get("cursor", ["1"])[0]))
                    await asyncio.sleep(self.latency_s)
                length = f"{len(body)}\r\n\r\n".encode()
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                    + length
                    + body
                )
                await writer.drain()
        writer.close()


async def serve(api: Api) -> None:
    """Serve until the process ends."""
    server = await asyncio.start_server(api.serve, "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(prog="python -m tests.slow.waiting")
    parser.add_argument("--pages", type=int, default=2)
    parser.add_argument("--records", type=int, default=20)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--window", type=float, default=1.0)
    given = parser.parse_args()
    asyncio.run(serve(Api(given.pages, given.records, given.latency, given.window)))


@dataclass(frozen=True)
class Waiting:
    """A server in a process of its own, as its user sees it."""

    base_url: str

    def counted(self, what: str = "") -> dict[str, Any]:
        """What was asked so far; with "moments" when, and the most in one window."""
        with urlopen(f"{self.base_url}counted?{what}", timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        return found


@contextlib.contextmanager
def waiting(pages: int, records: int, latency_s: float, window_s: float = 1.0) -> Iterator[Waiting]:
    """A server that ends with the block."""
    import subprocess

    line = [sys.executable, "-m", "tests.slow.waiting", "--pages", str(pages)]
    line += ["--records", str(records), "--latency", str(latency_s), "--window", str(window_s)]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Waiting(f"http://127.0.0.1:{int(process.stdout.readline())}/")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def middle_rate(moments: Sequence[float]) -> float:
    """Requests a second, between the first and the last quarter of them."""
    quarter = len(moments) // 4
    middle = moments[quarter : len(moments) - quarter]
    return (len(middle) - 1) / max(middle[-1] - middle[0], 1e-9)


if __name__ == "__main__":
    main()
