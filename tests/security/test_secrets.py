"""Secrets: out of everything written down, and cursors back exactly."""

import base64
import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.errors import DataRefused
from harvester.security.redaction import Secrets, is_secret_name

VALUE = 'p@ss/w+rd "é" %=\\'
SECRETS = Secrets({"env.TOKEN": VALUE, "env.PLAIN": "abcd1234"}, ["Basic dXNlcjpodW50ZXIy"])


def lower(text: str) -> str:
    """Percent-encoding with small letters."""
    return re.sub("%..", lambda match: match[0].lower(), text)


@pytest.mark.parametrize(
    "spelled",
    [
        VALUE,
        quote(VALUE),
        quote(VALUE, safe=""),
        quote_plus(VALUE),
        lower(quote(VALUE, safe="")),
        lower(quote_plus(VALUE)),
        json.dumps(VALUE)[1:-1],
        json.dumps(VALUE, ensure_ascii=False)[1:-1],
        json.dumps(VALUE)[1:-1].replace("/", "\\/"),
        base64.b64encode(VALUE.encode()).decode(),
        base64.urlsafe_b64encode(VALUE.encode()).decode().rstrip("="),
        "Basic dXNlcjpodW50ZXIy",
    ],
)
def test_redact_every_spelling(spelled: str) -> None:
    """However a value leaves the process, it is taken out; what is around it stays."""
    assert SECRETS.redact(f"<{spelled}>").rstrip("=>") == "<***"
    assert SECRETS.redact_tree({"a": [f"x{spelled}y", 1, None]})["a"][1:] == [1, None]
    assert spelled not in SECRETS.redact_tree({"a": [f"x{spelled}y"]})["a"][0]


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("https://x/?api_key=q&page=2", "https://x/?api_key=***&page=2"),
        ("https://x/?page=2&ACCESS-TOKEN=q#top", "https://x/?page=2&ACCESS-TOKEN=***#top"),
        ("https://x/?key=q r", "https://x/?key=*** r"),
        ("https://x/?$$app_token=q", "https://x/?$$app_token=***"),
        ("https://x/?X-Amz-Signature=0f&n=1", "https://x/?X-Amz-Signature=***&n=1"),
        ("password=q&grant=a", "password=***&grant=a"),
        ("<https://x/?token=q>; rel=next", "<https://x/?token=***>; rel=next"),
        ("https://user:pw@host/x", "https://***@host/x"),
        ("https://user:p@w@host/x@y", "https://***@host/x@y"),
        ('{"access_token": "a\\"b", "n": 1}', '{"access_token": "***", "n": 1}'),
        ('{"client_secret":"q","key":"r"}', '{"client_secret":"***","key":"***"}'),
        # places in a harvest, not secrets
        ("https://x/?next_token=q&page_token=r", "https://x/?next_token=q&page_token=r"),
        ("https://x/?cursor=q&pageToken=r&keys=s", "https://x/?cursor=q&pageToken=r&keys=s"),
        ("https://x/?continuation_token=q", "https://x/?continuation_token=q"),
        ('{"next_token":"q","sync_token":"r"}', '{"next_token":"q","sync_token":"r"}'),
        ("https://x/a@b?c=d@e", "https://x/a@b?c=d@e"),
        ("monkey=q", "monkey=q"),
    ],
)
def test_redact_by_name(text: str, redacted: str) -> None:
    """What stands under the name of a secret is taken out, whoever wrote it; cursors stay."""
    assert Secrets({}).redact(text) == redacted
    assert Secrets({}).redact(redacted) == redacted


@pytest.mark.parametrize(
    "name",
    [
        "key", "KEY", "api_key", "apikey", "Api-Key", "x-api-key", "DD-API-KEY", "appid", "token",
        "access_token", "auth_token", "id_token", "oauth_token", "refresh_token", "session-token",
        "Private-Token", "X-Shopify-Access-Token", "Ocp-Apim-Subscription-Key", "X-App-Token",
        "X-Amz-Security-Token", "client_secret", "secret", "password", "pass", "signature", "sig",
        "Authorization", "Proxy-Authorization", "Cookie", "auth",
    ],
)  # fmt: skip
def test_secret_names(name: str) -> None:
    """Names of parameters and headers whose values are secrets."""
    assert is_secret_name(name)
    assert Secrets({}).redact_tree({name: "value"}) == {name: "***"}
    assert not Secrets({}).is_open(name, "value")


@pytest.mark.parametrize(
    "name",
    [
        "next_token", "page_token", "pageToken", "nextPageToken", "pagination_token", "cursor",
        "continuation_token", "sync_token", "delta_token", "skiptoken", "scroll_id", "client_id",
        "keyword", "keys", "sort_key", "author", "authors", "passage", "Accept", "User-Agent",
        "signed", "monkey", "tokens",
    ],
)  # fmt: skip
def test_open_names(name: str) -> None:
    """Names of cursors, and words that only look like a secret's."""
    assert not is_secret_name(name)
    assert Secrets({}).redact_tree({name: "value"}) == {name: "value"}
    assert Secrets({}).is_open(name, "value")


def test_is_open_looks_at_the_value_too() -> None:
    """A secret is one under any name."""
    assert not SECRETS.is_open("X-Client", f"me {VALUE}")
    assert not SECRETS.is_open("q", "abcd1234")


def test_short_values_are_left_alone() -> None:
    """Taking `no` out of every text would garble it; three letters hide nothing."""
    secrets = Secrets({"env.A": "no", "env.B": "", "env.C": "abc"}, ["x"])
    assert secrets.redact("no abc nothing x") == "no abc nothing x"
    assert secrets.conceal("no abc") == "no abc"
    assert Secrets({"env.A": "four"}).redact("fourteen") == "***teen"


def test_the_longest_secret_wins() -> None:
    """A secret inside another does not leave the other's rest standing."""
    assert Secrets({"a": "abcd", "b": "abcdefgh"}).redact("abcdefgh abcd") == "*** ***"


# --- Cursors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cursor", "concealed"),
    [
        (None, None),
        (7, 7),
        ("/items?page=2", "/items?page=2"),
        ("/items?key=abcd1234&page=2", "/items?key={secret.env.PLAIN}&page=2"),
        (f"?k={quote(VALUE, safe='')}", "?k={secret.env.TOKEN:quoted}"),
        (f"?k={quote_plus(VALUE)}", "?k={secret.env.TOKEN:plus}"),
        (f"?k={lower(quote_plus(VALUE))}", "?k={secret.env.TOKEN:plus_lower}"),
        ({"abcd1234": [VALUE]}, {"{secret.env.PLAIN}": ["{secret.env.TOKEN}"]}),
        ("{secret.env.PLAIN}", "{secret.}env.PLAIN}"),
        ("{abcd1234", "{{secret.env.PLAIN}"),
    ],
)
def test_conceal(cursor: Any, concealed: Any) -> None:
    """A secret in a cursor becomes a reference, by the spelling it has there."""
    assert SECRETS.conceal(cursor) == concealed
    assert SECRETS.reveal(concealed) == cursor


PIECES = st.sampled_from(
    ["{", "}", "{secret.", "{{secret.", "{secret.}", "secret.", "env.A", ":plus}", "{secret.env.A}",
     "abcd", "cdef", "ab+cd", "a b/c", "a%20b", "%2F", "+", "(x|y)*", "\\d+", "[a-z", "\\", "é"]
)  # fmt: skip
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=6).map("".join)
VALUES = st.dictionaries(
    st.sampled_from(["env.A", "env.B", "auth.token"]), TEXTS.filter(lambda text: len(text) >= 4)
)


@st.composite
def cursors(draw: st.DrawFn) -> tuple[dict[str, str], Any]:
    """Secrets, and a JSON value that is full of them in several spellings."""
    values = draw(VALUES)
    spelled = [spell(v) for v in values.values() for spell in (str, quote_plus, quote, lower)]
    text = TEXTS | st.lists(st.sampled_from([*spelled, "{", "x"]), max_size=4).map("".join)
    scalars = st.none() | st.booleans() | st.integers() | text
    tree = st.recursive(
        scalars, lambda t: st.lists(t, max_size=3) | st.dictionaries(text, t, max_size=3)
    )
    return values, draw(tree)


@settings(deadline=None)
@given(cursors())
def test_conceal_and_reveal(drawn: tuple[dict[str, str], Any]) -> None:
    """Any JSON value comes back exactly, through the journal's JSON too."""
    values, cursor = drawn
    secrets = Secrets(values)
    concealed = json.loads(json.dumps(secrets.conceal(cursor)))
    assert secrets.reveal(concealed) == cursor
    assert Secrets(values).reveal(concealed) == cursor


@settings(deadline=None)
@given(cursors())
def test_no_secret_survives(drawn: tuple[dict[str, str], Any]) -> None:
    """A text that is a secret and nothing else never stands in what is written down."""
    values, _ = drawn
    secrets = Secrets(values)
    for value in values.values():
        for spelled in (value, quote(value), quote_plus(value), lower(quote_plus(value))):
            assert secrets.redact(spelled) == "***"
            if len(value) >= 6:
                assert re.fullmatch(r"\{secret\.[^{}]+\}", secrets.conceal(spelled))


def test_reveal_with_new_values() -> None:
    """A resumed harvest sends today's secrets, also where spellings or values fall together."""
    before = Secrets({"env.A": "old /1", "env.B": "others"})
    concealed = before.conceal(["?k=old+%2F1", "?k=old%20%2F1", "others"])
    assert Secrets({"env.A": "new1", "env.B": "new1"}).reveal(concealed) == [
        "?k=new1", "?k=new1", "new1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cursor", "holds"),
    [
        ("/x?api_key=2024&page=2", True),
        ("/x?page=2&Token=2024", True),
        ("/x?key=2024#2", True),
        ({"api_key": "2024", "page": 2}, True),
        ("2024-02-01T00:00:00Z", False),
        ("2024", False),
        ("/x?since=2024&page=2", False),
        ("/x?api_key=20241&page=2", False),
        ("/x?monkey=2024", False),
        ({"next_token": "2024"}, False),
        (["2024"], False),
    ],
)
def test_a_short_secret_in_a_cursor(cursor: Any, holds: bool) -> None:
    """It is one under the name of a secret; elsewhere it just happens to stand there, and with the
    next value of the secret no cursor may be sent that the server did not give.
    """
    concealed = Secrets({"env.PIN": "2024"}).conceal(cursor)
    assert ("2024" not in json.dumps(concealed)) is holds
    assert Secrets({"env.PIN": "2024"}).reveal(concealed) == cursor
    renewed = Secrets({"env.PIN": "9999"}).reveal(concealed)
    assert renewed == (json.loads(json.dumps(cursor).replace("2024", "9999")) if holds else cursor)


def test_what_was_concealed_before() -> None:
    """Journals of an earlier version refer to variables that are no secrets any more."""
    now = Secrets({}, former={"env.YEAR": "2024"})
    assert now.conceal("2024-1") == "2024-1"
    assert now.redact("2024-1") == "2024-1"
    assert now.reveal("{secret.env.YEAR}-1") == "2024-1"


def test_reveal_without_the_secret() -> None:
    """A reference that nobody can fill in must not be sent."""
    concealed = SECRETS.conceal("?k=abcd1234")
    with pytest.raises(DataRefused, match=r"env\.PLAIN"):
        Secrets({}).reveal(concealed)


def test_no_repr() -> None:
    """Secrets do not show themselves."""
    assert "abcd" not in repr(SECRETS)


@pytest.mark.slow("CPU time")
@pytest.mark.parametrize(
    "piece", ["&", "&_", '"_', '"a-', "https://a", "?key", "=", "_-", '"key":"\\']
)
def test_redaction_takes_linear_time(piece: str) -> None:
    """A hostile answer of 512 KB is redacted in about eight times the time of 64 KB."""

    def cost(size: int) -> float:
        text = (piece * size)[:size]
        best = float("inf")
        for _ in range(2):
            began = time.process_time()
            SECRETS.redact(text)
            best = min(best, time.process_time() - began)
        return best

    assert cost(512 * 1024) < 24 * max(cost(64 * 1024), 0.0005)


# --- Secrets that are learnt ---------------------------------------------------------------------


def test_a_token_that_is_renewed() -> None:
    """All of its values are taken out; a cursor that held an earlier one gets that of now."""
    secrets = Secrets({"env.A": "first-one"})
    secrets.learn("auth.token", "token/1")
    concealed = secrets.conceal("/x?t=token%2F1&a=first-one")
    secrets.learn("auth.token", "token/2")
    assert secrets.conceal("/x?t=token%2F1&a=first-one") == concealed
    assert secrets.reveal(concealed) == "/x?t=token%2F2&a=first-one"
    assert secrets.redact("token/1 token/2 dG9rZW4vMg first-one") == "*** *** *** ***"


def test_a_year_of_tokens_is_not_remembered() -> None:
    """The last few are; and each still opens under its name."""
    secrets = Secrets({})
    for number in range(1000):
        secrets.learn("auth.token", f"token-{number:04d}")
    assert secrets.redact("token-0000 token-0999 token-0995") == "token-0000 *** ***"
    assert secrets.reveal(secrets.conceal("token-0995")) == "token-0999"


def test_learning_beside_others() -> None:
    """No thread sees half of what was learnt."""
    secrets = Secrets({"env.A": "first-one"})

    def conceal(_: int) -> set[str]:
        return {secrets.conceal("first-one") for _ in range(200)}

    with ThreadPoolExecutor(4) as pool:
        found = [pool.submit(conceal, 0) for _ in range(3)]
        for number in range(50):
            secrets.learn("auth.token", f"token-{number}")
        assert {text for each in found for text in each.result()} == {"{secret.env.A}"}


# --- Whatever a server sends ---------------------------------------------------------------------


def cpu(act: Callable[[str], object], text: str) -> float:
    """The CPU that it takes, the best of three."""
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        act(text)
        best = min(best, time.process_time() - began)
    return best


@pytest.mark.slow("CPU time")
@pytest.mark.parametrize("token", ["+abc/def=ghi", "a b\\c%d", VALUE, "hush-hush"])
@pytest.mark.parametrize(
    "unit",
    ["\\", "%25", "+", "hush", '"', '"a_', '"token":"', "?a_", "&key=", "https://", "$", "\u2026",
     "{secret.", "hus\u2026", "@", '\\"', "-", "a b\\"],
)  # fmt: skip
def test_time_grows_with_the_text(token: str, unit: str) -> None:
    """Not with its square: eight times the text would take sixty-four times as long."""
    secrets = Secrets({"env.TOKEN": token, "env.OTHER": "\\+\\+"})
    short, long = unit * (3000 // len(unit)), unit * (24000 // len(unit))
    for act in (secrets.redact, secrets.conceal, secrets.redact_tree):
        assert cpu(act, long) / max(cpu(act, short), 1e-4) < 30
