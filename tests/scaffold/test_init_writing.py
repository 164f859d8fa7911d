"""The YAML that is written is read back as it was meant, whatever stands in it."""

import json
import os
import stat
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harvester.config.load import parse_config
from harvester.config.yamlfile import read
from harvester.engine.sources import secrets_of, sources_of
from harvester.errors import ConfigError
from harvester.http.request import Credentials
from harvester.model.partitions import Partition
from harvester.scaffold.ask import Ask
from harvester.scaffold.declaring import address, api_word, last_word, resource_of, whole
from harvester.scaffold.guess import SINGLE
from harvester.scaffold.saving import refuse_existing, save
from harvester.scaffold.variables import filled, mark, quoted, template
from harvester.scaffold.writing import yaml_text
from tests.examples import examples

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
SCALAR = st.none() | st.booleans() | st.integers(-(10**18), 10**18) | TEXT
TREE = st.recursive(
    SCALAR,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(TEXT, below, max_size=4),
    max_leaves=12,
)


@examples(300)
@given(st.dictionaries(TEXT, TREE, min_size=1, max_size=4))
@example({"a": "x\ny\n", "b": " x\ny", "c": "\n", "d": "x\n\ny", "e": "x \ny", "f": "x\n\n"})
@example({"yes": "no", "~": "null", "1": "1", "-": "- a", "?": "a: b", "#": "a #b", "<<": "*x"})
@example({"a": {"b": {"c": "d" * 200, "e": ["f" * 90, {"g": "h" * 90}]}}})
@example({"a": "\ufeffx", "b": "\x85\u2028\x7f\x00", "c": "\U0001f600", "d": "\ue0f0X\ue0f1"})
def test_any_tree_comes_back(tree: dict[str, Any]) -> None:
    """Text, numbers, nothing and truths keep their types through the file."""
    document = read(yaml_text(tree, ["a comment", ""], {}), "test")
    assert document.problems == []
    assert document.tree == tree


def test_comments_stand_above_their_keys() -> None:
    """A section with a comment inside is not put on one line."""
    tree = {"client": {"auth": {"type": "bearer"}}, "resources": [{"name": "a", "path": "b"}]}
    comments = {("resources", 0, "path"): ["here"], ("client", "auth"): ["there"]}
    text = yaml_text(tree, ["head", ""], comments)
    assert text == (
        "# head\n#\nclient:\n  # there\n  auth: {type: bearer}\nresources:\n  - name: a\n"
        "    # here\n    path: b\n"
    )
    assert read(text, "test").tree == tree


@examples(200)
@given(
    st.lists(st.tuples(TEXT.filter(bool), TEXT), max_size=4, unique_by=lambda pair: pair[0]),
    st.dictionaries(TEXT, TREE, max_size=3),
)
def test_any_request_asks_what_it_asked(
    params: list[tuple[str, str]], body: dict[str, Any]
) -> None:
    """What the loader makes of the file sends the parameters and the body of the line."""
    ask = Ask("https://x.org/v1/items", "POST", tuple(params), json=body)
    tree = whole("x", {"base_url": "https://x.org/"}, [resource_of(ask, "x", None, SINGLE)])
    config = parse_config(yaml_text(tree, [], {}), "x.yaml", env={})
    [source] = sources_of(config, secrets_of(config)).values()
    request = source.endpoint.request(Partition("x", {}), None, 1, Credentials())
    sent = parse_qsl(urlsplit(request.url).query, keep_blank_values=True)
    assert sent == params
    assert request.body is not None
    assert json.loads(request.body) == body


def test_variables_in_texts() -> None:
    """Braces are doubled around a reference, and a bare variable in JSON gets its quotes."""
    text = f"{{a}} {mark('T')}"
    assert template(text) == "{{a}} {env.T}"
    assert filled(text, {"T": "x"}) == "{a} x"
    assert filled(text, {}) == text
    assert quoted(f'{{"a": {mark("T")}, "b": "x{mark("T")}"}}') == (
        f'{{"a": "{mark("T")}", "b": "x{mark("T")}"}}'
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://x.org/repos/a/b/issues", ("https://x.org/", "repos/a/b/issues")),
        ("https://x.org/api/v4/projects", ("https://x.org/api/v4/", "projects")),
        ("https://x.org/2/tweets/search/all", ("https://x.org/2/", "tweets/search/all")),
        ("https://x.org/1.1/search/tweets.json", ("https://x.org/1.1/", "search/tweets.json")),
        ("https://x.org/admin/api/2026-10/orders.json",
         ("https://x.org/admin/api/2026-10/", "orders.json")),
        ("https://x.org/403/info.0.json", ("https://x.org/", "403/info.0.json")),
        ("https://x.org/v1", ("https://x.org/", "v1")),
        ("https://x.org", ("https://x.org/", "")),
        ("https://x.org:8443/a/", ("https://x.org:8443/", "a/")),
    ],
)  # fmt: skip
def test_address(url: str, expected: tuple[str, str]) -> None:
    """What all paths of an API begin with is its base_url."""
    assert address(url) == expected


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://api.github.com/repos/a/b/issues", ("github", "issues")),
        ("https://api.twitter.com/2/tweets/search/all", ("twitter", "tweets")),
        ("http://127.0.0.1:8000/v1/charges", ("", "charges")),
        ("http://localhost/search", ("", "search")),
        ("https://your-store.myshopify.com/admin/api/2026-10/orders.json", ("myshopify", "orders")),
        ("https://api.notion.com/v1/databases/0123456789abcdef0123456789abcdef/query",
         ("notion", "databases")),
        ("https://www.ebi.ac.uk/europepmc/webservices/rest/search", ("ebi", "webservices")),
        ("https://x.org/", ("x", "records")),
    ],
)  # fmt: skip
def test_names(url: str, words: tuple[str, str]) -> None:
    """The API after its host, the records after what the path names last."""
    assert (api_word(url), last_word(url)) == words


# --- The file ------------------------------------------------------------------------------------


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    """Not even one that came while the API was asked, and not a dangling link."""
    path = tmp_path / "a.yaml"
    save(path, "one\n", force=False)
    with pytest.raises(ConfigError, match="--force"):
        save(path, "two\n", force=False)
    with pytest.raises(ConfigError, match="--force"):
        refuse_existing(path, force=False)
    assert path.read_text() == "one\n"
    link = tmp_path / "link.yaml"
    link.symlink_to("nowhere")
    with pytest.raises(ConfigError, match="exists"):
        refuse_existing(link, force=False)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.yaml", "link.yaml"]


def test_force_overwrites(tmp_path: Path) -> None:
    """In one step, with the permissions of any other file, and nothing left beside it."""
    path = tmp_path / "a.yaml"
    path.write_text("one\n")
    save(path, "two\n", force=True)
    assert path.read_text() == "two\n"
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
    assert [item.name for item in tmp_path.iterdir()] == ["a.yaml"]


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """`--out` names a file."""
    with pytest.raises(ConfigError, match="folder"):
        refuse_existing(tmp_path, force=True)
