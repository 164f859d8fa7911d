"""An API that answers behind its last page with an error, and names no total in the body."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from harvester import harvest
from tests.support import Reply, Scripted, config

YAML = """
version: 1
name: posts
client: {base_url: http://127.0.0.1:1/}
resources:
  - name: posts
    path: posts
    data_selector: data
    paginator: {type: page_number}
"""


@pytest.mark.parametrize("status", [400, 416, 422])
def test_the_rule_that_the_message_names_ends_it(tmp_path: Path, status: int) -> None:
    """The first run fails with all pages kept and says what to add; with that, it is complete."""

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        number = int(parameters["page"])
        if number > 3:
            return Reply({"code": "invalid_page_number"}, status)
        return Reply({"data": [{"id": 2 * number}, {"id": 2 * number + 1}]})

    with Scripted(respond) as server:
        plain = config(tmp_path, YAML, server.base_url)
        failed = harvest(plain, out=tmp_path / "out")
        assert (failed.exit_code, failed.resources[0].records) == (3, 6)
        rule = f"{{status: {status}, action: ignore}}"
        assert f"there is no further page, add a rule {rule}" in failed.failures[0].error
        ruled = config(
            tmp_path, YAML, server.base_url, f"resources.posts.response_actions=[{rule}]"
        )
        done = harvest(ruled, out=tmp_path / "out")
    assert (done.exit_code, done.resources[0].records) == (0, 6)
