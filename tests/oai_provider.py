"""A real OAI-PMH provider, pyoai's, over records in memory: what answers a request to it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

import oaipmh.server
from oaipmh import common, error, metadata, server

from tests.api_server import Answer, Asked

#: Which Python no longer has where pyoai looks for it.
oaipmh.server.cgi.parse_qs = parse_qs

FIELDS = (
    "title", "creator", "subject", "description", "publisher", "contributor", "date", "type",
    "format", "identifier", "source", "language", "relation", "coverage", "rights",
)  # fmt: skip


class _Papers:
    """Papers of the months of 2024, and one that was deleted."""

    def __init__(self, count: int) -> None:
        self._headers = [
            common.Header(
                None, f"oai:example.org:{n}", datetime(2024, 1 + n % 3, 1 + n % 28), ["all"], n == 5
            )
            for n in range(count)
        ]

    def identify(self) -> Any:
        """Who this is."""
        return common.Identify(
            "Papers", "http://example.org/oai", "2.0", ["a@example.org"], datetime(2024, 1, 1),
            "transient", "YYYY-MM-DDThh:mm:ssZ", ["identity"], toolkit_description=False,
        )  # fmt: skip

    def listRecords(  # noqa: N802 - pyoai's name
        self,
        metadataPrefix: str,  # noqa: N803
        set: str | None = None,  # noqa: A002
        from_: datetime | None = None,
        until: datetime | None = None,
    ) -> Any:
        """The records of an interval."""
        found = [
            (header, _metadata(header), None)
            for header in self._headers
            if (from_ is None or header.datestamp() >= from_)
            and (until is None or header.datestamp() <= until)
        ]
        if not found:
            raise error.NoRecordsMatchError("none")
        return found


def _metadata(header: Any) -> Any:
    if header.isDeleted():
        return None
    return common.Metadata(
        None, {**{key: [] for key in FIELDS}, "title": [f"On <{header.identifier()}> & more"]}
    )


def provider(count: int, batch: int) -> Callable[[Asked], Answer]:
    """What the provider answers."""
    registry = metadata.MetadataRegistry()
    registry.registerWriter("oai_dc", server.oai_dc_writer)
    papers = server.Server(_Papers(count), registry, resumption_batch_size=batch)

    def answer(asked: Asked) -> Answer:
        body: bytes = papers.handleRequest(dict(asked.params))
        return Answer(data=body, headers={"Content-Type": "text/xml; charset=utf-8"})

    return answer
