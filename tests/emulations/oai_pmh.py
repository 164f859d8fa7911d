"""OAI-PMH 2.0: https://www.openarchives.org/OAI/openarchivesprotocol.html.

Emulated from the specification: tokens are exclusive arguments, the last list has an empty one, and
an interval without records is an error in a 200.
"""

from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

SIZES = {"2024-01-01": 230, "2024-02-01": 0, "2024-03-01": 40}
LAST = {"2024-01-01": "2024-01-31", "2024-02-01": "2024-02-29", "2024-03-01": "2024-03-31"}
SIZE = 100


def _record(day: str, n: int) -> dict[str, Any]:
    header = {
        "identifier": f"oai:zenodo.org:{day}:{n}",
        "datestamp": day,
        "setSpec": ["openaire", "user-x"][: 1 + n % 2],
    }
    if n % 50 == 7:
        return {"header": {"@status": "deleted", **header}}
    return {
        "header": header,
        "metadata": {
            "oai_dc:dc": {
                "@xsi:schemaLocation": "http://www.openarchives.org/OAI/2.0/oai_dc/",
                "dc:title": f"Étude № {n} <&>",
                "dc:creator": [f"Author {each}" for each in range(1 + n % 3)],
            }
        },
    }


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _xml(day: str, n: int) -> str:
    record = _record(day, n)
    header = record["header"]
    status = ' status="deleted"' if "@status" in header else ""
    text = "".join(f"<{name}>{header[name]}</{name}>" for name in ("identifier", "datestamp"))
    text += "".join(f"<setSpec>{name}</setSpec>" for name in header["setSpec"])
    text = f"<record><header{status}>{text}</header>"
    if "metadata" in record:
        dc = record["metadata"]["oai_dc:dc"]
        creators = "".join(f"<dc:creator>{name}</dc:creator>\n" for name in dc["dc:creator"])
        text += (
            '<metadata><oai_dc:dc xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/" '
            'xmlns:dc="http://purl.org/dc/elements/1.1/" '
            'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            'xsi:schemaLocation="http://www.openarchives.org/OAI/2.0/oai_dc/">\n'
            f"<dc:title>{_escaped(dc['dc:title'])}</dc:title>{creators}</oai_dc:dc></metadata>"
        )
    return text + "</record>\n"


def _answer(inner: str) -> Answer:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">'
        "<responseDate>2024-05-01T00:00:00Z</responseDate>"
        f'<request verb="ListRecords">https://zenodo.org/oai2d</request>{inner}</OAI-PMH>'
    )
    return Answer(text=text, headers={"Content-Type": "text/xml; charset=utf-8"})


def _error(code: str) -> Answer:
    return _answer(f'<error code="{code}">No.</error>')


def _page(asked: Asked, sizes: dict[str, int]) -> Answer:
    assert (asked.method, asked.path) == ("GET", "/oai2d")
    params = asked.params
    assert params.pop("verb") == "ListRecords"
    if token := params.pop("resumptionToken", None):
        assert params == {}, "the token is an exclusive argument"
        day, _, number = token.partition("|")
        start = int(number)
    else:
        assert params.keys() == {"metadataPrefix", "from", "until"}
        day, start = params["from"], 0
        assert params["until"] == LAST[day]
    size = sizes.get(day, 0)
    if not size:
        return _error("noRecordsMatch")
    end = min(start + SIZE, size)
    records = "".join(_xml(day, n) for n in range(start, end))
    left = f"{day}|{end}" if end < size else ""
    token = f'<resumptionToken completeListSize="{size}" cursor="{start}">{left}</resumptionToken>'
    return _answer(f"<ListRecords>{records}{token if size > SIZE else ''}</ListRecords>")


EMULATION = Emulation(
    records={"records": [_record(day, n) for day, size in SIZES.items() for n in range(size)]},
    answer=lambda asked: _page(asked, SIZES),
    nothing=lambda asked: _page(asked, {}),
    failure=lambda asked: _error("badArgument"),
    failure_exit_code=3,
    settings=("resources.records.partitions.window.end=2024-04-01",),
)
