"""References that lead nowhere, each with its line, whatever else is wrong."""

import pytest

from tests.yaml_texts import said, told, whole

PARTITIONS = """
params: {a: "{query}", b: "{window}"}
partitions:
  query: [x]
  window: {start: 2021-01-01, end: now, step: 1d}
"""


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{quer}", "unknown reference {quer}: did you mean {query}?"),
        ("{curser}", "unknown reference {curser}: did you mean {cursor}?"),
        ("{zzz}", "unknown reference {zzz}: the partition keys are query and window"),
        ("{query.start}", "{query.start}: 'query' is no window of time; only those have times"),
        ("{query:%Y}", "{query:%Y}: 'query' is no window of time; only those have times"),
        ("{window.begin}", "'.begin' is unknown: a window has .start, .end and .last"),
        ("{window:%Y}", ("{window:%Y}: a window has two times; say {window.start:…} or "
         "{window.end:…}")),
        ("{env.NOPE}", "the environment variable NOPE is not set"),
        ("a{b", ("the '{' at character 2 is never closed; a literal brace is doubled: '{{' or "
         "'}}'")),
    ],
)  # fmt: skip
def test_every_part_of_a_request_is_looked_at(text: str, fault: str) -> None:
    """Paths, parameters, headers, bodies; in lists and mappings of any depth."""
    lines = (
        f'path: "{text}"', f'headers: {{X: "{text}"}}', f'first_params: {{x: ["{text}"]}}',
        f'method: POST\njson: {{x: [{{y: "{text}"}}]}}',
        f'next_request: {{params: {{x: "{text}"}}}}',
    )  # fmt: skip
    for line in lines:
        whole_text = whole(f"{PARTITIONS}\n{line}").replace("    path: items\n", "", 1)
        (found,) = told(whole_text)
        assert found.endswith(f": {fault}")


def test_a_resource_without_partitions_says_so() -> None:
    """Nothing near to offer."""
    assert said("params: {a: '{zzz}'}") == [
        "resources[0].params.a: unknown reference {zzz}: this resource has no partitions"
    ]


def test_only_the_environment_reaches_the_client() -> None:
    """It is the same for all partitions."""
    assert said(client="headers: {X: '{query}'}") == [
        "client.headers.X: only {env.NAME} can stand here, not {query}"
    ]


def test_variables_stay_out_of_folder_names() -> None:
    """A partition's value names a folder, a journal line and a message."""
    found = said("params: {a: '{k}'}\npartitions: {k: ['{env.TOKEN}']}")
    assert found == [
        (
            "resources[0].partitions.k[0]: the variable TOKEN has the name of a secret, and this "
            "would name a folder"
        )
    ]


def test_variables_elsewhere_are_not_read() -> None:
    """Better a fault than a literal brace sent to a server."""
    assert said("data_selector: \"['{env.TOKEN}']\"") == [
        "resources[0].data_selector: references are not read here"
    ]


def test_braces_elsewhere_are_text() -> None:
    """A regular expression may hold them."""
    action = "{when: {path: a, matches: 'x{2}'}, action: stop}"
    assert said(f"response_actions: [{action}]") == []
