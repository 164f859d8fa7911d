"""Clusters that there cannot be: addresses at which no scheduler is, and too many workers."""

import asyncio
import socket

import pytest

from harvester.engine.workers import dask_cluster
from harvester.errors import ConfigError


def refused(address: str) -> str:
    """What is said of it."""
    with pytest.raises(ConfigError) as error, dask_cluster.dask_client(address, 1, 1):
        pytest.fail("it was taken")
    return str(error.value)


def test_no_password() -> None:
    """It has no place there, and is not shown."""
    told = refused("tcp://me:hush@127.0.0.1:8786")
    assert "takes no name or password" in told
    assert "hush" not in told


def test_a_server_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as the port of a dashboard, which waits for a request: it is not waited for for ever."""
    monkeypatch.setattr(dask_cluster, "_CONNECT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        told = refused(f"tcp://127.0.0.1:{server.getsockname()[1]}")
    assert "no scheduler answers there" in told


def test_another_part_of_dask() -> None:
    """A worker's address, as a list of workers shows it."""
    from distributed.core import Server

    found: list[str] = []

    async def listen() -> None:
        async with Server({"identity": lambda: {"type": "Worker"}}) as server:
            await server.listen("tcp://127.0.0.1:0")
            loop = asyncio.get_running_loop()
            found.append(await loop.run_in_executor(None, refused, server.address))

    asyncio.run(listen())
    assert "is the address of a worker, not of a scheduler" in found[0]


def test_more_workers_than_a_machine_begins() -> None:
    """Each is a process: two hundred on two cores were not there after minutes."""
    told = "100,000: each is a process.*--threads"
    with pytest.raises(ConfigError, match=told), dask_cluster.dask_client(None, 100_000, 1):
        pytest.fail("they were begun")
