"""Loading: overrides, defaults, the environment, and every kind of broken input."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harvester.config import Bearer, HeaderLink, SecretText
from harvester.config.load import load_config, parse_config, parse_resolved
from harvester.config.yamlfile import read
from harvester.errors import ConfigError
from tests.examples import examples
from tests.yaml_texts import ENV, TWITTER, config, said, told, whole


def test_the_documented_example_loads(tmp_path: Path) -> None:
    """Every section of it, from a file."""
    path = tmp_path / "twitter.yaml"
    path.write_text(TWITTER)
    found = load_config(path, env=ENV)
    assert found.name == "twitter-search"
    assert found.env == {"TOKEN": "s3cret-token"}
    assert list(found.resources[0].partitions) == ["query", "window"]


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of it, only what is named is kept."""
    monkeypatch.setenv("TOKEN", "from the process")
    assert parse_config(TWITTER, "x").env == {"TOKEN": "from the process"}


@pytest.mark.parametrize(
    ("env", "fault"),
    [
        ({}, "is not set"),
        ({"TOKEN": ""}, "is empty"),
        ({"TOKEN": "a\nb"}, "holds a line break or control character"),
    ],
)
def test_variables_are_checked(env: dict[str, str], fault: str) -> None:
    """The message names file, line, key and variable, never the value."""
    assert told(TWITTER, env=env) == [
        f"test.yaml:6: client.auth.token: the environment variable TOKEN {fault}"
    ]


# --- Files ---------------------------------------------------------------------------------------


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """Missing, a folder, not text, far too long: a ConfigError like any other."""
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"a: 1\nb: \xe9\n")
    long = tmp_path / "long.yaml"
    long.write_bytes(b"#" * (5 << 20))
    for path, fault in (
        (tmp_path / "none.yaml", "none.yaml: cannot be read: No such file or directory"),
        (tmp_path, ": cannot be read: Is a directory"),
        (latin, "latin.yaml:2: not UTF-8 text"),
        (long, "long.yaml: over 4 MiB: not a configuration"),
        (Path("a\0b"), "a\0b: cannot be read: embedded null byte"),
    ):
        with pytest.raises(ConfigError) as caught:
            load_config(path)
        assert str(caught.value).endswith(fault)
        assert caught.value.exit_code == 2


def test_a_byte_order_mark_is_no_harm(tmp_path: Path) -> None:
    """Editors on Windows write one."""
    path = tmp_path / "bom.yaml"
    path.write_text(TWITTER, encoding="utf-8-sig")
    assert load_config(path, env=ENV).name == "twitter-search"


# --- --set and --base-url ------------------------------------------------------------------------


def test_overrides_come_before_the_checks() -> None:
    """They replace, add, and reach resources by name."""
    found = parse_config(
        TWITTER,
        "x",
        base_url="http://127.0.0.1:8000",
        set=["resources.tweets.params.query=cats", ("resources.tweets.partitions={window: "
             "{start: 2021-01-01, end: now, step: 1d}}"), "client.timeout.read=5m",
             "client.auth={type: bearer, token: '{env.OTHER}'}"],
        env={"OTHER": "o"},
    )  # fmt: skip
    assert found.base_url == "http://127.0.0.1:8000/"
    assert found.resources[0].params["query"] == "cats"
    assert list(found.resources[0].partitions) == ["window"]
    assert found.client.timeout.read == 300
    assert found.client.auth == Bearer(type="bearer", token=SecretText("{env.OTHER}"))


def test_problems_of_overrides_name_the_option() -> None:
    """Whatever check finds them; the value, which may be a secret, is not part of the name."""
    options = ["client.auth.tokn=hunter2", "a", "client.headers.X={env.NOPE}"]
    assert told(TWITTER, set=options, base_url="x") == [
        "--base-url: client.base_url: expected a URL that begins with https:// or http://",
        "--set a: expected KEY=VALUE, as in --set concurrency.partitions=8",
        "--set client.auth.tokn: client.auth.tokn: unknown key 'tokn': did you mean 'token'?",
        "--set client.headers.X: client.headers.X: the environment variable NOPE is not set",
    ]


def test_an_override_can_complete_a_file() -> None:
    """What the file lacks may come from the command line."""
    text = "version: 1\nname: x\nresources: [{name: r}]\n"
    assert parse_config(text, "x", base_url="http://h").base_url == "http://h/"


# --- resource_defaults ---------------------------------------------------------------------------


def test_defaults_are_merged_under_every_resource() -> None:
    """Entry by entry where names are free, as a whole elsewhere; the resource's own win."""
    found = config(
        "params: {a: own}\nheaders: {X: own}",
        rest="""
            resource_defaults:
              params: {a: default, b: default}
              paginator: {type: header_link}
              response_actions: [{status: 404, action: ignore}]
        """,
    ).resources[0]
    assert found.params == {"a": "own", "b": "default"}
    assert found.headers == {"X": "own"}
    assert found.paginator == HeaderLink(type="header_link")
    assert len(found.response_actions) == 1


def test_resources_do_not_share_what_defaults_gave_them() -> None:
    """Setting a value in one leaves the other alone."""
    text = whole(rest="resource_defaults: {params: {a: 1}}").replace(
        "resources:\n", "resources:\n  - name: other\n"
    )
    first, second = parse_config(text, "x", set=["resources.items.params.a=2"]).resources
    assert (first.params, second.params) == ({"a": 1}, {"a": 2})


def test_problems_of_defaults_are_told_once_and_where_they_are() -> None:
    """Not once a resource, and with the line of the defaults."""
    text = whole(rest="resource_defaults: {parms: {}, name: x, params: {a: {}}}").replace(
        "resources:\n", "resources:\n  - name: other\n"
    )
    assert told(text) == [
        "test.yaml:12: resource_defaults.name: each resource has a name of its own",
        (
            "test.yaml:12: resource_defaults.params.a: expected text, a number, true, false or "
            "a list of these, got a mapping"
        ),
        "test.yaml:12: resource_defaults.parms: unknown key 'parms': did you mean 'params'?",
    ]
    assert said(rest="resource_defaults: 3") == [
        "resource_defaults: expected a mapping (key: value)"
    ]


# --- The whole tree ------------------------------------------------------------------------------


def test_names_become_folders() -> None:
    """So they differ, also where upper and lower case are the same, and from our own file."""
    for name, where in (("ITEMS", "by resources[1]"), ("harvest.json", "by a file of the")):
        text = whole().replace("resources:\n", f"resources:\n  - name: {name}\n")
        (found,) = told(text)
        assert f"is taken {where}".replace("[1]", "[0]") in found


def test_urls_are_checked_with_their_variables() -> None:
    """The value of a variable is in no message."""
    for value, fault in (
        ("ftp://h", "expected a URL that begins with https:// or http://"),
        (
            "https://me:pw@h",
            "a URL holds no user name or password; use auth: {type: http_basic, …}",
        ),
        ("https:///x", "the URL names no host"),
        ("https://h:99999", "not a URL: its host or port is malformed"),
        ("https://h/?a=b", "holds a '?' or '#'; parameters go into params"),
        ("https://h /", "a URL holds no blanks, backslashes or control characters"),
    ):
        found = told(TWITTER, base_url="{env.URL}", env={**ENV, "URL": value})
        assert found == [f"--base-url: client.base_url: {fault}"]


def test_a_damaged_resolved_configuration_is_refused() -> None:
    """As of a harvest.json that somebody edited: the file and the key, no line."""
    dump = config().reference_dict()
    dump["client"]["timeout"] = {"raed": 1}
    with pytest.raises(ConfigError) as caught:
        parse_resolved(dump, "harvest.json")
    assert str(caught.value) == (
        "harvest.json: client.timeout.raed: unknown key 'raed': did you mean 'read'?"
    )


# --- Anything at all -----------------------------------------------------------------------------

TREE = read(TWITTER, "x").tree
JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8), st.just([]), st.just({}), st.just([[]]), st.just({"type": "cursor"}),
    st.just({"range": [1, 2]}), st.sampled_from(["{", "{x}", "{env.A}", "{cursor}", "1mo", "$"]),
    st.just(10**399),
)  # fmt: skip


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Every container of a tree with each of its keys."""
    keys = list(tree) if isinstance(tree, dict) else range(len(tree))
    found = [(tree, key) for key in keys]
    for key in keys:
        if isinstance(tree[key], dict | list):
            found += _places(tree[key])
    return found


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """Draw the example with a few keys removed, renamed, added or replaced by junk."""
    tree = copy.deepcopy(TREE)
    for _ in range(draw(st.integers(1, 4))):
        places = _places(tree)
        if not places:
            break
        container, key = draw(st.sampled_from(places))
        match draw(st.sampled_from(["remove", "replace", "rename"])):
            case "remove":
                del container[key]
            case "replace":
                container[key] = copy.deepcopy(draw(JUNK))  # a later step may change it
            case "rename" if isinstance(container, dict):
                container[draw(st.text(max_size=5))] = container.pop(key)
    return tree


@examples(300)
@given(mutated())
@example({})
def test_a_broken_configuration_raises_config_error_only(tree: Any) -> None:
    """Random damage to a good file: a list of problems in our words, or a configuration."""
    text = json.dumps(tree)  # JSON is YAML
    found = told(text)
    assert all(line.startswith("test.yaml:") for line in found)
    assert not any("Input should" in line or "does not fit here" in line for line in found)
    if not found:
        parsed = parse_config(text, "x", env=ENV)
        assert parse_resolved(parsed.reference_dict(), "x").reference_dict() == (
            parsed.reference_dict()
        )


@settings(deadline=None)
@given(st.text(max_size=20), st.text(max_size=20))
def test_any_override_is_applied_or_told(key: str, value: str) -> None:
    """Random text after --set and --base-url raises nothing but ConfigError."""
    told(TWITTER, set=[f"{key}={value}", f"client.{key}={value}"], base_url=value)
