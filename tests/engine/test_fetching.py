"""The one exchange: what is current when a request leaves, and that all three callers share it."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import harvester
from harvester.auth.access import Access
from harvester.config.load import parse_config
from harvester.engine.check import check_live
from harvester.engine.fetching import Channel, WaitingPolicy, Wanted, fetch_page
from harvester.engine.sources import secrets_of, sources_of
from harvester.errors import AttemptFailed, CredentialsRefused, PageRejected
from harvester.http.request import Request
from harvester.http.transport import Response, Transport
from harvester.model.partitions import Partition
from tests.api_server import Answer, ApiServer, Asked
from tests.authorization_server import CLIENT_ID, CLIENT_SECRET, Authorization

YAML = """
version: 1
name: items
client:
  base_url: ORIGIN/
  auth: {type: oauth2_client_credentials, access_token_url: "ORIGIN/token",
         client_id: "{env.ID}", client_secret: "{env.SECRET}"}
resources:
  - {name: items, path: items, data_selector: data,
     paginator: {type: cursor, cursor_path: next, cursor_param: cursor}}
"""


def items(asked: Asked) -> Answer:
    """Two pages; the first has a cursor."""
    page = int(dict(asked.query).get("cursor", "1"))
    return Answer({"data": [page], **({"next": "2"} if page == 1 else {})})


class Noting(WaitingPolicy):
    """Notes what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def turn(self, ready: Callable[[], Any]) -> Any:
        """At once."""
        self.heard.append("turn")
        return ready()

    def asking(self, request: Request) -> None:
        """A request."""
        self.heard.append("asking")

    def answered(self, request: Request) -> None:
        """An answer."""
        self.heard.append("answered")

    def failed(self, request: Request, error: Exception) -> None:
        """A failure."""
        self.heard.append(f"failed {type(error).__name__}")

    def spent(self, requests: int) -> None:
        """Requests."""
        self.heard.append(f"spent {requests}")

    def renewing(self, error: CredentialsRefused) -> None:
        """A refusal."""
        self.heard.append("renewing")


def status(response: Response, request: Request, asked: Any) -> int:
    """The status of a page; a 401 is a refusal, a 503 is passing."""
    list(response.chunks())
    if response.status == 401:
        raise CredentialsRefused("no", status=401)
    if response.status == 503:
        raise PageRejected("not now", status=503)
    return response.status


@pytest.fixture
def server() -> Iterator[tuple[Authorization, ApiServer]]:
    """Tokens that are good for one request."""
    server = Authorization(items, uses=1)
    with ApiServer(server) as api:
        yield server, api


def configured(api: ApiServer) -> Any:
    """The harvest."""
    env = {"ID": CLIENT_ID, "SECRET": CLIENT_SECRET}
    return parse_config(YAML.replace("ORIGIN", api.origin), "test.yaml", env=env)


def channel(config: Any, out: Path) -> Channel:
    """What its only resource is asked through."""
    secrets = secrets_of(config)
    transport = Transport(config.client)
    endpoint = sources_of(config, secrets)["items"].endpoint
    return Channel(endpoint, Access(config, secrets, out), config.client.timeout, lambda: transport)


def test_an_exchange_and_a_renewal(tmp_path: Path, server: tuple[Authorization, ApiServer]) -> None:
    """The steps in their order; the second page's token is refused, and asked for again at once."""
    through, policy = channel(configured(server[1]), tmp_path), Noting()
    wanted = Wanted(Partition("items", {}), None, 1)
    assert fetch_page(through, policy, wanted, status).got == 200
    once = ["turn", "asking", "answered"]
    assert policy.heard == [*once, "spent 1"]
    policy.heard.clear()
    second = fetch_page(through, policy, Wanted(wanted.partition, "2", 2), status)
    assert (second.got, second.asked) == (200, "2")
    failed = ["failed CredentialsRefused", "spent 1", "renewing"]
    assert policy.heard == [*once, *failed, *once, "spent 1"]
    assert server[0].token_requests == 2


def test_a_failure_is_left_to_whoever_asks(
    tmp_path: Path, server: tuple[Authorization, ApiServer]
) -> None:
    """With what was asked for, without secrets."""
    server[0].api = lambda asked: Answer({}, 503)
    policy = Noting()
    with pytest.raises(PageRejected, match="not now") as caught:
        fetch_page(
            channel(configured(server[1]), tmp_path),
            policy,
            Wanted(Partition("items", {}), None, 1),
            status,
        )
    assert isinstance(caught.value, AttemptFailed)
    assert caught.value.asked == f"GET {server[1].origin}/items"
    assert policy.heard == ["turn", "asking", "answered", "failed PageRejected", "spent 1"]


def test_a_cursor_holds_the_token_of_the_moment(
    tmp_path: Path, server: tuple[Authorization, ApiServer]
) -> None:
    """A concealed one is revealed when its request leaves, after the renewal that came before."""
    server[0].uses = 10
    through = channel(configured(server[1]), tmp_path)
    first = through.access.credentials()
    token = first.headers["Authorization"].removeprefix("Bearer ")
    concealed = through.endpoint.secrets.conceal(f"of {token}")
    assert token not in concealed
    through.access.renew(first, CredentialsRefused("no", status=401))
    wanted = Wanted(Partition("items", {}), concealed, 1)
    server[0].api = lambda asked: Answer({"data": []})
    asked = fetch_page(through, WaitingPolicy(), wanted, status).asked
    assert asked == "of access-s3cret-2"


def test_a_look_at_the_api_renews_its_token(
    tmp_path: Path, server: tuple[Authorization, ApiServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`check --live` goes on as a run would where a token is good for one page."""
    monkeypatch.chdir(tmp_path)
    (seen,) = check_live(configured(server[1]))
    assert (seen.error, seen.wrong) == (None, None)
    assert server[0].token_requests == 2


def test_only_here_is_a_page_asked_for() -> None:
    """No other module opens a page's request: not the engine's, and not init's. Tokens are none."""
    opening = {
        path.relative_to(Path(harvester.__file__).parent).as_posix()
        for path in Path(harvester.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "open"
        and "transport" in ast.unparse(node.func.value).lower()
    }
    assert opening == {"engine/fetching.py", "auth/access.py", "auth/login.py"}
