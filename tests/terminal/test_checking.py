"""What `check` says: one table, on wide and narrow terminals, and each lint with its line."""

import pytest

from harvester.engine.check import Seen
from harvester.errors import Problem
from harvester.model.phrases import width
from harvester.terminal.checking import lint_text, seen_table

KEYS = ("id", "text", "created_at", "author_id", "conversation_id", "public_metrics", "lang")
TWEETS = Seen(
    "tweets",
    "tweets query=from:nasa window=2021-01-01_2021-02-01",
    status=200,
    records=500,
    bytes=81_000,
    keys=KEYS,
    next="b26v89c19zqg8o3fpds84zx2m5m1yzvsvlhzc8h6pbs3q",
    rate_limit="299 of 300 left, reset in 15 min",
)
USERS = Seen("users", "users", status=200, records=3, bytes=99, keys=None, next="none: the end")
FAILED = Seen("posts", "posts", error="the server answered 401 Unauthorized: no", status=401)


def test_a_row_for_each_resource() -> None:
    """Status, records, keys, cursor, rate limit; why there is no page stands below."""
    assert seen_table([USERS, FAILED], None).split("\n") == [
        "resource  status  records        first record   next cursor    rate limit",
        "users        200  3 in 99 bytes  not an object  none: the end  not told",
        "posts        401  failed",
        "failed: posts: the server answered 401 Unauthorized: no",
    ]


@pytest.mark.parametrize("columns", [40, 60, 80, 100, 120, 200])
def test_no_line_is_wider_than_the_terminal(columns: int) -> None:
    """Keys and cursors are cut; what is too narrow for a table gets a block a resource."""
    text = seen_table([TWEETS, USERS], columns)
    lines = text.split("\n")
    assert max(map(width, lines)) <= columns
    assert "200" in text
    assert "id, text" in text
    assert "500 in 81.0 kB" in text
    assert (lines[0].startswith("resource")) is (columns >= 100)


def test_a_cursor_is_shortened_in_a_pipe_too() -> None:
    """A cursor of a thousand characters is nobody's to read."""
    seen = Seen("a", status=200, records=1, bytes=1, keys=("k" * 500,), next="c" * 1000)
    assert max(map(width, seen_table([seen], None).split("\n"))) < 200


def test_what_a_server_says_obeys_no_terminal() -> None:
    """Escape sequences and line breaks in keys and cursors are gone."""
    seen = Seen("a", status=200, records=1, bytes=1, keys=("\x1b[31mred", "a\nb"), next="\x07")
    text = seen_table([seen], 100)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert len(text.split("\n")) == 2


def test_notes_stand_below() -> None:
    """What is odd is told of, with the resource's name."""
    seen = Seen("a", status=200, notes=("odd",))
    assert seen_table([seen], None).split("\n")[-1] == "note: a: odd"


def test_a_lint_has_its_line() -> None:
    """The line of the file stands under the lint, cut to the terminal."""
    lint = Problem("a.yaml", 8, "resources[0].page_size", "is never sent")
    assert lint_text(lint, "      page_size: 50 # the most", 30).split("\n") == [
        "lint: a.yaml:8:",
        "  resources[0].page_size: is",
        "  never sent",
        "      8 | page_size: 50 # the…",
    ]
    assert lint_text(lint, "", None).count("\n") == 0


@pytest.mark.parametrize(
    ("path", "line", "shown"),
    [
        (
            "client.auth.token",
            "  auth: {type: bearer, token: hush}",
            "auth: {type: bearer, token: ***",
        ),
        ("resources[1].params.api_key", "    params: {api_key: hush}", "params: {api_key: ***"),
        ("client.headers.X-Api-Key", "    'X-Api-Key': hush", "'X-Api-Key': ***"),
        ("client.headers.Odd", "    - hush", None),
    ],
)
def test_of_a_secret_only_its_key_is_shown(path: str, line: str, shown: str | None) -> None:
    """However short the secret is."""
    lint = Problem("a.yaml", 3, path, "a secret in the file: put it into a variable")
    text = lint_text(lint, line, None)
    assert "hush" not in text
    assert text.split("\n")[1:] == ([f"      3 | {shown}"] if shown else [])
