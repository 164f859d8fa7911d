"""pydantic's findings in words for people."""

import pytest

from tests.yaml_texts import told, whole

BROKEN = """\
version: 2
nme: x
client:
  base_url: ftp://x
  headers: {X-A: 3, "bad name": x, Accept-Encoding: br}
  auth: {type: bearr, tokn: "{env.TOKEN}"}
  timeout: {read: soon, conect: 3}
  rate_limit: {requests: 0, per: 1x}
  allowed_hosts: ["https://x", {host: y, credentals: true}, 3]
  limits: {wire_bytes: 3K}
resources:
  - name: a b
    path: "x/{quer}"
    params: {a: {b: 1}, b: "{env.NOPE}", c: "{", token: [1, [2]]}
    partitions: {query: [a, a], 1x: [1], w: 3, r: {range: [1]}, s: {start: 2021, end: now}}
    paginator: {type: cursor, cursor_pth: "a..b"}
    response_actions:
      - {action: reauth}
      - {status: 4xy, action: stop}
      - {status: 200, when: {path: a}, header: {nme: x, in: []}, action: stop}
    validate: yes
  - 3
  - name: x
    paginator: cursor
concurrency: {partitions: 0, pages: 0}
output: []
"""

JARGON = (
    "input should", "union", "tag", "discriminator", "pydantic", "model", "dict", "tuple",
    "field required", "extra inputs", "valid string", "errors.", "literal_", "after",
)  # fmt: skip


def test_every_problem_at_once_with_its_line() -> None:
    """One run of the loader is enough to mend a file."""
    found = told(BROKEN)
    lines = [int(text.split(":")[1]) for text in found]
    assert lines == sorted(lines)
    assert [lines.count(n) for n in range(1, 27)] == [
        1, 1, 0, 1, 3, 1, 2, 2, 3, 1, 0, 1, 1, 4, 5, 1, 0, 1, 1, 3, 1, 1, 0, 1, 2, 1,
    ]  # fmt: skip
    assert "test.yaml:2: nme: unknown key 'nme': did you mean 'name'?" in found


def test_no_jargon_reaches_a_person() -> None:
    """None of pydantic's words, and no link to its documentation."""
    text = "\n".join(told(BROKEN)).lower()
    assert [word for word in JARGON if word in text] == []


def test_a_misspelt_key_is_not_missing_too() -> None:
    """One slip is one problem; a key that is missing for good is one as well."""
    (misspelt,) = told(whole("paginator: {type: cursor, cursor_pth: a, cursor_param: b}"))
    assert misspelt.endswith("unknown key 'cursor_pth': did you mean 'cursor_path'?")
    (missing,) = told(whole("paginator: {type: cursor, cursor_param: b}"))
    assert missing == "test.yaml:7: resources[0].paginator.cursor_path: this key is missing"


def test_what_was_written_as_one_is_shown_as_one() -> None:
    """No index and no key that the file does not have."""
    assert told(whole("response_actions: [{status: 4x, action: stop}]"))[0].startswith(
        "test.yaml:7: resources[0].response_actions[0].status: "
    )
    assert told(whole("", "allowed_hosts: ['a/b']"))[0].startswith(
        "test.yaml:10: client.allowed_hosts[0]: "
    )


@pytest.mark.parametrize("text", ["3", "text", "[]", "true", "null"])
def test_what_is_no_mapping_at_all(text: str) -> None:
    """The root has a line and no path."""
    (found,) = told(text)
    assert found.startswith("test.yaml:1: expected a mapping (key: value), got ")


def test_huge_numbers_have_no_words_of_their_own() -> None:
    """No error of pydantic's for them shines through."""
    (found,) = told(whole().replace("version: 1", "version: 1" + "0" * 300))
    assert found == "test.yaml:1: version: expected 1, got a huge number"


def test_secrets_are_not_shown() -> None:
    """A wrong value under auth, a header or a secret name is named by its kind only."""
    found = "\n".join(
        told(whole("params: {token: {a: hunter2}}", "auth: {type: bearer, token: 98765}"))
    )
    assert "98765" not in found
    assert "hunter2" not in found
    assert found.count("\n") == 1
