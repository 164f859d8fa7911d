"""A cursor cut out of a text: decoded where that is a URL."""

import pytest

from harvester.paging.cursor_pattern import cut_out

TOKEN = "page_token=([^&]+)"


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("https://inner.example/items?page_token=k%3A5%3D%3D&n=5", "k:5=="),
        ("/items?n=5&page_token=k%3A5", "k:5"),
        ("?page_token=a+b%2Bc", "a b+c"),
        ("page_token=k%3A5&n=5", "k:5"),
        ("items/list?page_token=k%253A5", "k%3A5"),
        ('<https://inner.example/items?page_token=k%3A5>; rel="next"', 'k:5>; rel="next"'),
        ("https://inner.example/items?page_token=%FF%FE", "%FF%FE"),
        ("next is page_token=k%3A5 of 7", "k:5 of 7"),
        ("token: page_token%page_token=", None),
        ("nothing here", None),
    ],
)
def test_a_query(text: str, token: str | None) -> None:
    """As following the URL would send it."""
    assert cut_out(TOKEN, text, encoded=False) == token


@pytest.mark.parametrize(
    ("pattern", "text", "token"),
    [
        ("/page/([^/]+)", "https://api.example/page/a%2Fb+c/", "a/b+c"),
        ("^(.*)$", "k%3A5+6", "k%3A5+6"),
        ("v2:(.*)", "v2:k%3A5", "k%3A5"),
        ("<([^>]*)>", "<https://api.example/a?c=k%3A5>", "https://api.example/a?c=k%3A5"),
        (r"\?(.*)", "/items?a=k%3A5&b=1", "a=k%3A5&b=1"),
        ("^https://[^/]*(/.*)", "https://api.example/a%2Fb", "/a%2Fb"),
        ("(x)?nothing", "nothing", None),
    ],
)
def test_other_places(pattern: str, text: str, token: str | None) -> None:
    """In a path a plus is a plus; what is no URL is left alone, and so is what is followed."""
    assert cut_out(pattern, text, encoded=False) == token


def test_keep() -> None:
    """For the server that wants it back as it stands."""
    assert cut_out(TOKEN, "/items?page_token=k%3A5", encoded=True) == "k%3A5"
