"""Short configurations for the tests, and what the loader says of them."""

from textwrap import dedent, indent

from harvester.config import Config
from harvester.config.load import parse_config
from harvester.errors import ConfigError

ENV = {"TOKEN": "s3cret-token"}

#: The example of the documentation, which names every section.
TWITTER = """\
version: 1
name: twitter-search
client:
  base_url: https://api.twitter.com/2/
  headers: {User-Agent: my-lab/1.0}
  auth: {type: bearer, token: "{env.TOKEN}"}
  timeout: {connect: 10s, read: 60s, page: 1h}
  retry: {attempts: 10, max_wait: 15m, deadline: 6h}
  rate_limit: [{requests: 300, per: 15m}, {requests: 1, per: 1s}]
  allowed_hosts: []                     # further hosts a next link may lead to
resource_defaults: {}                   # merged under every resource
resources:
  - name: tweets
    path: tweets/search/all
    params:
      query: "{query}"
      start_time: "{window.start:%Y-%m-%dT%H:%M:%SZ}"
      end_time: "{window.end:%Y-%m-%dT%H:%M:%SZ}"
      max_results: 500
    partitions:
      query: ["from:nasa", "from:esa"]
      window: {start: 2021-01-01, end: 2022-01-01, step: 1mo}
    data_selector: data
    paginator: {type: cursor, cursor_path: meta.next_token, cursor_param: next_token}
    response_actions:
      - {status: 429, when: {path: title, equals: UsageCapExceeded}, action: stop}
concurrency: {partitions: 4, pages: 1}
output: {path: data/twitter-search, fsync: true}
"""


def whole(resource: str = "", client: str = "", rest: str = "") -> str:
    """Write a configuration of one resource: `resource` begins on line 7, `client` goes last."""
    return (
        'version: 1\nname: test\nresources:\n  - name: items\n    path: items\n    # below\n'
        + indent(dedent(resource).strip("\n"), "    ")
        + '\nclient:\n  base_url: https://api.example.org/\n'
        + indent(dedent(client).strip("\n"), "  ")
        + "\n"
        + dedent(rest)
    )  # fmt: skip


def config(resource: str = "", client: str = "", rest: str = "") -> Config:
    """Load such a configuration."""
    return parse_config(whole(resource, client, rest), "test.yaml", env=ENV)


def said(resource: str = "", client: str = "", rest: str = "") -> list[str]:
    """List what the loader says of such a configuration, as `PATH: MESSAGE`."""
    return [text.split(": ", 1)[1] for text in told(whole(resource, client, rest))]


def told(text: str, **options: object) -> list[str]:
    """List what the loader says of a text, as `FILE:LINE: PATH: MESSAGE`."""
    try:
        parse_config(text, "test.yaml", **{"env": ENV, **options})  # type: ignore[arg-type]  # a test passes any option
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []
