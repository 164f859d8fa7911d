"""What a stream can show, by its encoding and the locale."""

import pytest

from harvester.model.phrases import width
from harvester.terminal.charset import as_ascii, speaks_unicode


@pytest.mark.parametrize(
    ("environment", "unicode"),
    [
        ({"LANG": "C.UTF-8"}, True),
        ({"LANG": "de_DE.utf8@euro"}, True),
        ({"LANG": "en_US"}, True),
        ({}, True),
        ({"LANG": "C"}, False),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, False),  # Python's doing (PEP 538)
        ({"LANG": "C", "LC_CTYPE": "de_DE.UTF-8"}, True),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "POSIX"}, False),
        ({"LANG": "de_DE.ISO-8859-1"}, False),
    ],
    ids=str,
)
def test_the_locale_counts_where_python_takes_utf_8_for_granted(
    environment: dict[str, str], unicode: bool
) -> None:
    """LC_ALL before LC_CTYPE before LANG, as everywhere; no locale at all says nothing."""
    assert speaks_unicode("utf-8", environment) is unicode


@pytest.mark.parametrize("encoding", ["iso8859-1", "ascii", "ANSI_X3.4-1968", "", None])
def test_another_encoding_shows_ascii(encoding: str | None) -> None:
    """Whatever the locale says."""
    assert not speaks_unicode(encoding, {"LANG": "C.UTF-8"})


def test_ascii_takes_as_many_cells() -> None:
    """Columns stay where they are."""
    text = "out → a… · ━━╸─ köln"
    assert as_ascii(text) == "out > a~ | ##+. k?ln"
    assert width(as_ascii(text)) == width(text)
