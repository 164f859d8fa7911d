"""Transports of one run: one for each thread, since a connection is no two threads' at once."""

import threading

from harvester.config import Client
from harvester.http.transport import Transport


class ThreadTransports:
    """Makes a thread's transport when it first asks; `close` ends the connections of all."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._local = threading.local()
        self._opened: list[Transport] = []

    def mine(self) -> Transport:
        """The transport of this thread."""
        if not hasattr(self._local, "transport"):
            self._local.transport = Transport(self._client)
            self._opened.append(self._local.transport)
        transport: Transport = self._local.transport
        return transport

    def close(self) -> None:
        """Close them all; their threads have ended."""
        for opened in self._opened:
            opened.close()
