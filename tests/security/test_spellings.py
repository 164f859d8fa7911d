"""Spellings: a value is found however it was encoded, and can be written so again."""

import re
import time
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.security.encodings import mixed, mixture, mixtures, one_way, reversible, without_cut
from tests.examples import examples

VALUE = 'p@ss/w+rd "\u00e9" %=\\~x'


@given(
    st.text(st.sampled_from('ab%25+ /"\\&=~\u00e9(?:)\U0001f600.-_'), min_size=4, max_size=12),
    st.lists(st.sampled_from("rulpj"), min_size=12, max_size=12),
)
@examples(500)
def test_any_mixture_is_found_and_written_again(value: str, letters: list[str]) -> None:
    """Each sign plain or encoded in its own way, in any combination."""
    text = mixed(value, f"mixed.{''.join(letters)}")
    assert text is not None
    assert re.fullmatch(mixtures(value), text)
    assert mixed(value, mixture(value, text)) == text
    assert one_way([value]).fullmatch(text)


@pytest.mark.parametrize(
    "spelled",
    [
        "p%2540ss%252fw%252Brd%2520%2522%25c3%25A9%2522%2520%2525%253D%255C%257Ex",  # twice
        'p@ss\\\\/w+rd \\\\"\\\\u00E9\\\\" %=\\\\\\\\~x',  # JSON inside JSON
        "p@ss/w+rd &quot;\u00e9&quot; %=\\~x",  # HTML
        "p@ss/w+rd &#34;\u00e9&#x22; %=\\~x",
        "p\\u0040ss\\u002fw\\u002Brd \\u0022\\u00e9\\u0022 \\u0025\\u003d\\u005c~x",
        "p@ss/w+rd+%22%c3%A9%22  %25%3D\\%7ex",  # some of each
    ],
)
def test_what_nobody_can_write_again_is_found_too(spelled: str) -> None:
    """Spellings for looking only."""
    assert one_way([VALUE]).fullmatch(spelled)


@pytest.mark.parametrize("before", [b"", b"a", b"ab", b"abc"])
@pytest.mark.parametrize("behind", [b"", b"z", b"yz"])
def test_inside_other_base64(before: bytes, behind: bytes) -> None:
    """As in a basic header, or a cursor that a server made of what it was sent."""
    text = b64encode(before + VALUE.encode() + behind).decode()
    assert len(one_way([VALUE]).sub("", text)) <= 3 + 4 * (len(before + behind) + 2) // 3
    assert one_way([VALUE]).search(text.replace("+", "-").replace("/", "_"))


def test_short_values_are_not_looked_for_inside_base64() -> None:
    """So few letters turn up anywhere."""
    assert not any(kind.startswith(":base64") for kind in reversible("abcd"))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("said: hush-hu\u2026; go", "said: ***\u2026; go"),
        ("said: a%2Fb%2\u2026", "said: ***\u2026"),
        ("said: hus\u2026", "said: hus\u2026"),
        ("hush-hu and more\u2026", "hush-hu and more\u2026"),
        ("hush-hu", "hush-hu"),
        ("hush-\u2026 hush\u2026", "***\u2026 ***\u2026"),
    ],
)
def test_what_was_cut_off(text: str, left: str) -> None:
    """The beginning of a value before an ellipsis goes, from four letters on."""
    assert without_cut(text, ["hush-hush-7", "a/b/c/d"], "***") == left


# --- Linear in the text --------------------------------------------------------------------------

#: What a text of one sort could make slow: runs that each spelling may begin or go on in.
UNITS = ["\\", "+", " ", "%", "%25", "%5c", "%2525", "%20", "\\u005c", "\\u0020", "&#0", "&#092;",
         "a", "a\\", "a%25", "a ", "5c", "0", "\\\\u", "&amp;", "\u2026", "a\u2026", '"', '"_',
         "?key", "http://", "=", '"key":"']  # fmt: skip
TOKENS = ["+abc/def=ghi", "\\abc\\\\\\def", "a\\ \\b", " a  b", "a+b", "%25%25", "c\\x", "0 x y",
          "\\\\\\\\", "    ", "&&&&", "+ + + +", '"\\"\\', "\u00e9\U0001f600+\\"]  # fmt: skip


def seconds(pattern: re.Pattern[str], text: str) -> float:
    """The CPU that one search takes, the best of three."""
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        pattern.sub("", text)
        best = min(best, time.process_time() - began)
    return best


@pytest.mark.slow("wall clock")
@pytest.mark.parametrize("value", TOKENS)
def test_time_grows_with_the_text(value: str) -> None:
    """Eight times the text never takes much more than eight times the CPU; its square would be
    sixty-four times.
    """
    pattern = one_way([value])
    for unit in UNITS:
        short, long = unit * (4000 // len(unit)), unit * (32000 // len(unit))
        ratio = seconds(pattern, long) / max(seconds(pattern, short), 1e-4)
        assert ratio < 30, (unit, ratio)
