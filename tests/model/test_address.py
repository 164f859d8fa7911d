"""Places as they are written: which are folders, which URLs, and which are refused."""

import pytest

from harvester.errors import ConfigError
from harvester.model.address import url_of


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("data/x", None),
        ("/tmp/a?b@c", None),
        ("C:\\x", None),
        ("s3://b", "s3://b"),
        ("s3:/b/x/", "s3://b/x"),  # as pathlib leaves it
        ("s3://b/a%20b/ü 雪#1/{x}", "s3://b/a%20b/ü 雪#1/{x}"),
        ("s3://b/a..b", "s3://b/a..b"),
    ],
)
def test_what_it_is(text: str, url: str | None) -> None:
    """Keys are taken as they are written."""
    assert url_of(text) == url


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("s3:", "names no bucket; write s3://BUCKET/PREFIX"),
        ("s3://", "names no bucket"),
        ("s3:///x", "names no bucket"),
        ("s3:b/x", "names no bucket"),
        ("S3://b/x", "write s3://…"),
        ("file:/tmp/x", "file:///tmp/x: file:// is no place for a harvest; write the path alone"),
        ("https://u:hush@h/x?sig=hush", "https://h/x: https:// is no place"),
        ("s3://u:hush@b/x", "no name before an @"),
        ("az://c@acc.dfs.core.windows.net/x", "no name before an @; write az://BUCKET/PREFIX"),
        ("az://c/x?sig=hush", "no options behind a question mark"),
        ("s3://b/../x", "no key has '..' in it"),
        ("s3://b/a\tb", r"'s3://b/a\tb': has signs in it"),
        ("s3://b/a\udcff", "has signs in it"),
        ("s3://b/" + "ü" * 513, "is too long; a key has 1,024 bytes at most"),
    ],
)
def test_what_is_refused(text: str, told: str) -> None:
    """In one line that shows no password and no signature."""
    with pytest.raises(ConfigError) as refused:
        url_of(text)
    assert told in str(refused.value)
    assert "hush" not in str(refused.value)
    str(refused.value).encode()
