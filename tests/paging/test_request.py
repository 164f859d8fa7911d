"""From a cursor to its request: what is sent, what is not, and to whom."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester import __version__
from harvester.config import Config
from harvester.engine.sources import secrets_of, sources_of
from harvester.errors import PageRefused
from harvester.http.request import Credentials, Request
from harvester.model.partitions import Partition
from harvester.model.window import Window
from harvester.paging.endpoint import Endpoint
from harvester.paging.endpoint import _with_query as with_query
from tests.auth.granted import credentials
from tests.yaml_texts import config

BASE = "https://api.example.org/"
AUTH = 'auth: {type: bearer, token: "{env.TOKEN}"}\n'
KEY = 'auth: {type: api_key, name: api_key, value: "{env.TOKEN}", location: query}\n'
HOSTS = "allowed_hosts: [cdn.example.org, {host: eu.example.org, credentials: true}]\n"
TOKEN = "s3cret-token"
LINKS = "paginator: {type: json_link}\n"


def endpoint(resource: str = "", client: str = "") -> Endpoint:
    """The endpoint of the only resource of a short configuration."""
    asked: Config = config(resource, client)
    return sources_of(asked, secrets_of(asked))["items"].endpoint


def ask(
    resource: str = "",
    client: str = "",
    *,
    cursor: Any = None,
    page: int | None = None,
    **values: Any,
) -> Request:
    """The request of a page; a page with a cursor is the second one."""
    number = page or (1 if cursor is None else 2)
    asked = config(resource, client)
    granted = credentials(asked.client.auth, asked.env)
    found = endpoint(resource, client)
    return found.request(Partition("items", values), cursor, number, granted)


def query(request: Request) -> list[tuple[str, str]]:
    """The parameters as a server reads them."""
    return parse_qsl(urlsplit(request.url).query, keep_blank_values=True)


def body(request: Request) -> Any:
    """The JSON body."""
    assert request.body is not None
    assert request.headers["Content-Type"] == "application/json"
    return json.loads(request.body)


# --- Parameters, headers, bodies -----------------------------------------------------------------


def test_plain_request() -> None:
    """The least there is: a GET with our own headers."""
    request = ask()
    assert (request.method, request.url, request.body) == ("GET", f"{BASE}items", None)
    assert dict(request.headers) == {
        "Accept": "application/json, */*;q=0.5",
        "User-Agent": f"harvester/{__version__}",
        "Accept-Encoding": "gzip",
    }
    assert request.idempotent


def test_params() -> None:
    """A list repeats the name, null leaves it out, true and false are written as in JSON."""
    request = ask(
        "params: {a: [1, x, true], b: null, c: false, d: 1.5, e: '', 'page[size]': 5, f: 'é&='}"
    )
    assert query(request) == [
        ("a", "1"), ("a", "x"), ("a", "true"), ("c", "false"), ("d", "1.5"), ("e", ""),
        ("page[size]", "5"), ("f", "é&="),
    ]  # fmt: skip


def test_partition_values_in_every_part() -> None:
    """References are filled in wherever they stand; headers are text."""
    request = ask(
        """
        method: POST
        partitions: {id: [7]}
        params: {a: "{id}", b: "x{id}"}
        headers: {X-Id: "{id}", X-Page: "{page}"}
        json: {a: "{id}", b: ["{id}", {c: "n{page}"}]}
        """,
        id=7,
    )
    assert query(request) == [("a", "7"), ("b", "x7")]
    assert (request.headers["X-Id"], request.headers["X-Page"]) == ("7", "1")
    assert body(request) == {"a": 7, "b": [7, {"c": "n1"}]}


def test_first_params() -> None:
    """They go with the first page only, and replace others of their name there."""
    resource = """
        params: {limit: 10, sort: id}
        first_params: {since: 5, limit: 99}
        paginator: {type: cursor, cursor_path: next, cursor_param: after}
        """
    assert query(ask(resource)) == [("sort", "id"), ("since", "5"), ("limit", "99")]
    assert query(ask(resource, cursor="x")) == [("limit", "10"), ("sort", "id"), ("after", "x")]


def test_next_request() -> None:
    """Its parts replace those of the resource on every page after the first (Elasticsearch)."""
    resource = """
        method: POST
        params: {scroll: 1m}
        json: {size: 100}
        next_request: {path: _search/scroll, params: {}, json: {scroll: 1m, scroll_id: "{cursor}"}}
        paginator: {type: cursor, cursor_path: _scroll_id, cursor_may_repeat: true}
        """
    first, second = ask(resource), ask(resource, cursor="abc")
    assert first.url == f"{BASE}items?scroll=1m"
    assert body(first) == {"size": 100}
    assert (second.method, second.url) == ("POST", f"{BASE}_search/scroll")
    assert body(second) == {"scroll": "1m", "scroll_id": "abc"}


def test_next_request_get_after_post() -> None:
    """A GET that follows a POST sends no body."""
    resource = """
        method: POST
        json: {size: 100}
        next_request: {method: GET, path: "items/{cursor}"}
        paginator: {type: cursor, cursor_path: next}
        """
    second = ask(resource, cursor="a b")
    assert (second.method, second.url, second.body) == ("GET", f"{BASE}items/a%20b", None)
    assert "Content-Type" not in second.headers


def test_form() -> None:
    """A form is sent as one."""
    request = ask("method: POST\nform: {q: 'a b&c', n: [1, 2], x: null}")
    assert request.body == b"q=a+b%26c&n=1&n=2"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("resource", "client", "header", "value"),
    [
        ("", "headers: {User-Agent: my-lab/1.0}", "User-Agent", "my-lab/1.0"),
        ("", "headers: {user-agent: my-lab/1.0}", "user-agent", "my-lab/1.0"),
        ("headers: {x-a: r}", "headers: {X-A: c}", "x-a", "r"),
        ("headers: {Accept: text/json}", "", "Accept", "text/json"),
        ("headers: {authorization: mine}", AUTH, "Authorization", f"Bearer {TOKEN}"),
        (
            "method: POST\njson: {a: 1}\nheaders: {content-type: application/vnd.api+json}",
            "", "content-type", "application/vnd.api+json",
        ),
    ],
)  # fmt: skip
def test_headers(resource: str, client: str, header: str, value: str) -> None:
    """The resource's win over the client's, these over ours, credentials over all; none twice."""
    sent = ask(resource, client).headers
    assert sent[header] == value
    assert len({name.lower() for name in sent}) == len(sent)
    assert sent["Accept-Encoding"] == "gzip"


@pytest.mark.parametrize(
    ("resource", "idempotent"),
    [
        ("", True),
        ("idempotent: false", True),
        ("method: POST", True),
        ("method: POST\nidempotent: false", False),
    ],
)
def test_idempotent(resource: str, idempotent: bool) -> None:
    """A POST that does something is marked; a GET never does."""
    assert ask(resource).idempotent is idempotent


# --- Cursors and their places --------------------------------------------------------------------

AFTER = "paginator: {type: cursor, cursor_path: next, cursor_param: after}"


@pytest.mark.parametrize(
    ("cursor", "text"),
    [
        ("a b+c/=&é", "a b+c/=&é"),
        (2**64 + 1, "18446744073709551617"),
        (0, "0"),
        (1.5, "1.5"),
        ({"a": [1]}, '{"a":[1]}'),
    ],
)
def test_cursor_param(cursor: Any, text: str) -> None:
    """The cursor as a parameter is exactly what the server gave."""
    assert query(ask(AFTER, cursor=cursor)) == [("after", text)]
    assert query(ask(AFTER)) == []


def test_cursor_replaces_a_parameter_of_its_name() -> None:
    """No parameter is sent twice."""
    assert query(ask(f"{AFTER}\nparams: {{after: first, n: 1}}")) == [
        ("after", "first"),
        ("n", "1"),
    ]
    assert query(ask(f"{AFTER}\nparams: {{after: first, n: 1}}", cursor="x")) == [
        ("n", "1"), ("after", "x"),
    ]  # fmt: skip


def test_cursor_that_is_merged() -> None:
    """`cursor_param: "*"` merges an object, as MediaWiki's `continue`."""
    resource = """
        params: {action: query, continue: ""}
        paginator: {type: cursor, cursor_path: continue, cursor_param: "*"}
        """
    cursor = {"apcontinue": "B", "continue": "-||", "gone": None, "n": [1, 2]}
    assert query(ask(resource, cursor=cursor)) == [
        ("action", "query"), ("apcontinue", "B"), ("continue", "-||"), ("n", "1"), ("n", "2"),
    ]  # fmt: skip
    for odd in ("B", 7, ["B"]):
        with pytest.raises(PageRefused, match="merges an object"):
            ask(resource, cursor=odd)


def test_cursor_body_path() -> None:
    """The cursor keeps its type in the body; objects on the way are made, others stay."""
    resource = """
        method: POST
        json: {query: q, variables: {first: 10}}
        paginator: {type: cursor, cursor_path: next, cursor_body_path: variables.page.after}
        """
    assert body(ask(resource)) == {"query": "q", "variables": {"first": 10}}
    for cursor in ("x", 2**64, [2**60, "a", None], {"a": 1}):
        assert body(ask(resource, cursor=cursor)) == {
            "query": "q",
            "variables": {"first": 10, "page": {"after": cursor}},
        }
    assert body(ask(resource)) == {"query": "q", "variables": {"first": 10}}  # nothing has leaked
    bare = "method: POST\npaginator: {type: cursor, cursor_path: next, cursor_body_path: after}"
    assert ask(bare).body is None
    assert body(ask(bare, cursor=[1])) == {"after": [1]}


def test_cursor_header() -> None:
    """The cursor as a header is text, and replaces one of its name."""
    resource = """
        headers: {x-after: start}
        paginator: {type: cursor, cursor_path: next, cursor_header: X-After}
        """
    assert ask(resource).headers["x-after"] == "start"
    assert ask(resource, cursor=7).headers["X-After"] == "7"
    assert "x-after" not in ask(resource, cursor=7).headers


def test_cursor_spliced_in() -> None:
    """`{cursor}` may stand in any part; a parameter that needs it is left out at first."""
    resource = """
        params: {q: "a>{cursor}", n: 1}
        paginator: {type: keyset, cursor_path: "data[*].id"}
        """
    assert query(ask(resource)) == [("n", "1")]
    assert query(ask(resource, cursor=5)) == [("q", "a>5"), ("n", "1")]


def test_page_numbers() -> None:
    """The number, and the size, go where the paginator says, the first page included."""
    assert query(ask("paginator: {type: page_number}", cursor=1, page=1)) == [("page", "1")]
    sized = "paginator: {type: page_number, page_param: p, page_size: 50, page_size_param: n}"
    assert query(ask(sized, cursor=3)) == [("n", "50"), ("p", "3")]
    in_body = "method: POST\npaginator: {type: page_number, page_body_path: paging.page}"
    assert body(ask(in_body, cursor=3)) == {"paging": {"page": 3}}


def test_offsets() -> None:
    """The offset and the limit, the first page included."""
    assert query(ask("paginator: {type: offset, limit: 100}", cursor=0, page=1)) == [
        ("limit", "100"), ("offset", "0"),
    ]  # fmt: skip
    odd = "paginator: {type: offset, limit: 9, limit_param: $limit, offset_param: $offset}"
    assert query(ask(odd, cursor=18)) == [("$limit", "9"), ("$offset", "18")]
    in_body = "method: POST\npaginator: {type: offset, offset_body_path: startAt}"
    assert body(ask(in_body, cursor=18)) == {"startAt": 18}


def test_paging_wins_over_the_query_of_the_path() -> None:
    """A path that holds the parameter already must not ask for one page for ever."""
    resource = """
        paginator: {type: page_number}
        partitions: {a: [x]}
        next_request: {path: "items?page=1&b=2%2F3&a={a}"}
        """
    assert ask(resource, cursor=7, a="x").url == f"{BASE}items?b=2%2F3&a=x&page=7"


# --- Paths ---------------------------------------------------------------------------------------


def path_of(template: str, value: Any) -> Request:
    """The request of a path that holds `{v}`."""
    asked = config('partitions: {v: [x]}\nparams: {v: "{v}"}')
    changed = asked.resources[0].model_copy(update={"path": template, "params": {}})
    whole = asked.model_copy(update={"resources": (changed,)})
    found = sources_of(whole, secrets_of(asked))["items"].endpoint
    return found.request(Partition("items", {"v": value}), None, 1, Credentials())


@pytest.mark.parametrize(
    ("template", "value", "path"),
    [
        ("repos/{v}/issues", "owner/name", "repos/owner/name/issues"),
        ("repos/{v}/issues", "a b", "repos/a%20b/issues"),
        ("repos/{v}/issues", "what?x=1", "repos/what%3Fx=1/issues"),
        ("repos/{v}/issues", "c#", "repos/c%23/issues"),
        ("repos/{v}/issues", "100%", "repos/100%25/issues"),
        ("repos/{v}/issues", "%2e%2e", "repos/%252e%252e/issues"),
        ("repos/{v}/issues", "naïve/日本", "repos/na%C3%AFve/%E6%97%A5%E6%9C%AC/issues"),
        ("repos/{v}/issues", "a\\b\n", "repos/a%5Cb%0A/issues"),
        ("repos/{v}/issues", "@me:x~(1)", "repos/@me:x~(1)/issues"),
        ("items/{v}.json", 7, "items/7.json"),
        ("works/{v}", "https://openalex.org/W1", "works/https://openalex.org/W1"),
        ("a/{v}/b", "/", "a///b"),
        ("items/{v}", True, "items/true"),
        ("items/{v}", "...", "items/..."),
        ("{v}/items", "what?", "what%3F/items"),
        ("{v}", "a b?c", "a%20b%3Fc"),
        ("{v}", "doi:10.1/x", "doi:10.1/x"),
        ("{v}:search", "documents", "documents:search"),
        ("documents:search", "unused", "documents:search"),
        ("search?q={v}&n=1", "a&b=c/d e", "search?q=a%26b%3Dc%2Fd%20e&n=1"),
        ("search?q=x:{v}", "y", "search?q=x:y"),
        ("/base/{v}", "x", "base/x"),
        ("{v}", "https://api.example.org/a?b=c%2F", "a?b=c%2F"),
    ],
)
def test_values_in_paths(template: str, value: Any, path: str) -> None:
    """A value stays within its place; a slash in it is one, for `owner/name`."""
    assert path_of(template, value).url == BASE + path


def test_times_in_paths() -> None:
    """A time that is formatted in the path is encoded as well."""
    window = Window(datetime(2021, 1, 1, tzinfo=UTC), datetime(2021, 1, 2, tzinfo=UTC))
    assert path_of("day/{v}", window).url == f"{BASE}day/2021-01-01_2021-01-02"
    assert path_of("day/{v.start:%d %m?}", window).url == f"{BASE}day/01%2001%3F"


@pytest.mark.parametrize("value", ["..", ".", "../admin", "a/../../b", "a/.."])
def test_values_must_not_climb(value: str) -> None:
    """A value cannot lead to another endpoint than the path says."""
    with pytest.raises(PageRefused, match="another place"):
        path_of("users/{v}/items", value)


def test_climbing_in_the_yaml() -> None:
    """What the user writes into the path is the user's to say."""
    assert path_of("v1/../v2/{v}", "x").url == f"{BASE}v2/x"
    assert path_of("x?up={v}", "../..").url == f"{BASE}x?up=..%2F.."


@settings(deadline=None)
@given(st.text(min_size=1).filter(lambda text: text.isprintable()))
def test_any_value_stays_in_the_path(value: str) -> None:
    """Whatever the value, a server that decodes the path reads it in its place, or nothing is
    sent at all.
    """
    try:
        url = path_of("users/{v}/items", value).url
    except PageRefused:
        assert {".", ".."} & set(value.split("/"))
        return
    parts = urlsplit(url)
    assert (parts.netloc, parts.query, parts.fragment) == ("api.example.org", "", "")
    assert unquote(parts.path) == f"/users/{value}/items"


def test_other_hosts_in_paths() -> None:
    """A full URL that the user spelled out is an origin of its own; one that a value makes is
    not.
    """
    assert path_of("https://data.example.org/x/{v}", "y").url == "https://data.example.org/x/y"
    for value in ("https://evil.example.org/x", "//evil.example.org/x"):
        with pytest.raises(PageRefused, match="neither base_url"):
            path_of("{v}", value)
    for template in ("https://{v}/x", "https://api.example.org{v}/x"):
        with pytest.raises(PageRefused):
            path_of(template, ".evil.example.org")


def test_cursor_in_the_path() -> None:
    """It is encoded in its place; alone, it is the path and its query (Salesforce)."""
    resource = 'next_request: {path: "items/{cursor}"}\npaginator: {type: cursor, cursor_path: n}'
    assert ask(resource, cursor="a/b?c").url == f"{BASE}items/a/b%3Fc"
    alone = 'next_request: {path: "{cursor}"}\npaginator: {type: cursor, cursor_path: n}'
    assert ask(alone, cursor="/query/01g-2000?x=a%20b").url == f"{BASE}query/01g-2000?x=a%20b"
    with pytest.raises(PageRefused, match="neither base_url"):
        ask(alone, cursor="https://evil.example.org/")


def test_path_needs_a_cursor_that_is_not_there() -> None:
    """The message says what would help."""
    asked = config('params: {c: "{cursor}"}\npaginator: {type: cursor, cursor_path: n}')
    changed = asked.resources[0].model_copy(update={"path": "items/{cursor}"})
    whole = asked.model_copy(update={"resources": (changed,)})
    found = sources_of(whole, secrets_of(asked))["items"].endpoint
    with pytest.raises(PageRefused, match="initial_cursor"):
        found.request(Partition("items", {}), None, 1, Credentials())


# --- Links ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("https://api.example.org/items?page=2", f"{BASE}items?page=2&n=5&q=x"),
        ("https://api.example.org/items?page=2&n=7", f"{BASE}items?page=2&n=7&q=x"),
        ("/items?page=2&q=a%20b%2F", f"{BASE}items?page=2&q=a%20b%2F&n=5"),
        ("?n=&q", f"{BASE}items?n=&q"),
        ("?%6E=1&page=2", f"{BASE}items?%6E=1&page=2&q=x"),
        ("other", f"{BASE}other?n=5&q=x"),
        ("/items?page=2#frag", f"{BASE}items?page=2&n=5&q=x"),
        ("/items?q=a b", f"{BASE}items?q=a%20b&n=5"),
    ],
)
def test_links(link: str, url: str) -> None:
    """A link is taken as it stands; a parameter it has already is never repeated."""
    for paginator in (LINKS, "paginator: {type: header_link}\n"):
        assert ask(f"{paginator}params: {{n: 5, q: x}}", cursor=link).url == url
        assert ask(f"{paginator}params: {{n: 5, q: x}}", cursor={"href": link}).url == url


def test_links_that_must_stand_alone() -> None:
    """With `first_params`, nothing of ours is added to a link (Shopify)."""
    resource = f"{LINKS}first_params: {{status: any, limit: 250}}"
    assert ask(resource, cursor="/items?page_info=x&limit=250").url == (
        f"{BASE}items?page_info=x&limit=250"
    )


def test_link_of_a_header_cursor() -> None:
    """Without a place for it, the header's value is the next URL; `{cursor}` is a place."""
    resource = "paginator: {type: header_cursor, cursor_header_name: X-Next}\n"
    assert ask(resource, cursor="/items?page=2").url == f"{BASE}items?page=2"
    spliced = resource + 'params: {after: "id:{cursor}"}'
    assert ask(spliced, cursor="abc").url == f"{BASE}items?after=id%3Aabc"


def test_links_of_a_post() -> None:
    """A link as text repeats the POST with its body."""
    request = ask(f"{LINKS}method: POST\njson: {{a: 1}}", cursor="/items?page=2")
    assert (request.method, request.url) == ("POST", f"{BASE}items?page=2")
    assert body(request) == {"a": 1}


@pytest.mark.parametrize(
    ("link", "method", "expected"),
    [
        ({}, "POST", {"a": 1, "b": 2}),
        ({"method": None, "body": None}, "POST", {"a": 1, "b": 2}),
        ({"method": "GET"}, "GET", None),
        ({"method": "GET", "body": {"t": 1}}, "GET", None),
        ({"method": "post", "body": {"t": 1}}, "POST", {"t": 1}),
        ({"method": "POST", "body": {"t": 1, "a": 9}, "merge": True}, "POST",
         {"a": 9, "b": 2, "t": 1}),
        ({"method": "POST", "body": {"t": 1}, "merge": False}, "POST", {"t": 1}),
        ({"body": {}}, "POST", {}),
    ],
)  # fmt: skip
def test_stac_links(link: Mapping[str, Any], method: str, expected: Any) -> None:
    """A link object may bring a method and a body; `merge` adds it to the body that was sent."""
    request = ask(f"{LINKS}method: POST\njson: {{a: 1, b: 2}}", cursor={"href": "/search", **link})
    assert (request.method, request.url) == (method, f"{BASE}search")
    assert (None if request.body is None else body(request)) == expected


def test_stac_link_from_get_to_post() -> None:
    """A GET search whose next page is a POST."""
    request = ask(LINKS, cursor={"href": "/s", "method": "POST", "body": {"t": 1}, "merge": True})
    assert (request.method, body(request)) == ("POST", {"t": 1})


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "get /x", 7])
def test_links_only_read(method: Any) -> None:
    """A server cannot make us change what it keeps."""
    with pytest.raises(PageRefused, match="only GET and POST"):
        ask(LINKS, cursor={"href": "/x", "method": method})


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example.org/items?page=2",
        "http://api.example.org/items?page=2",
        "https://api.example.org:8443/items",
        "//evil.example.org/items",
        "https://api.example.org@evil.example.org/",
        "https://user:pw@api.example.org/items",
        "https://api.example.org\\@evil.example.org/",
        "file:///etc/passwd",
        "ftp://api.example.org/x",
        "javascript:alert(1)",
        "https://[::1",
        "//[",
        "/items\r\nX-Evil: 1",
        "/items\t",
        "https://cdn.example.org:444/x",
        "http://cdn.example.org/x",
    ],
)
def test_links_that_lead_away(link: str) -> None:
    """Rows 22 and 24: no request is made at all."""
    for cursor in (link, {"href": link}):
        with pytest.raises(PageRefused):
            ask(LINKS, AUTH + HOSTS, cursor=cursor)


# --- Credentials ---------------------------------------------------------------------------------


def test_credentials_to_the_configured_origin() -> None:
    """They go with every page, as a header or once as a parameter."""
    for cursor in (None, "/items?page=2", "https://api.example.org:443/items?page=2"):
        assert ask(LINKS, AUTH, cursor=cursor).headers["Authorization"] == f"Bearer {TOKEN}"
        assert query(ask(LINKS, KEY, cursor=cursor))[-1] == ("api_key", TOKEN)
    echoed = ask(LINKS, KEY, cursor=f"/items?api_key={TOKEN}&page=2")
    assert echoed.url == f"{BASE}items?api_key={TOKEN}&page=2"


SECRETIVE = """
    paginator: {type: json_link}
    params: {q: x, sign: "{env.TOKEN}", key: abc, sort: new}
    headers: {X-Auth-Token: t, X-Signed: "v1 {env.TOKEN}", X-Open: fine, Cookie: a=b}
    """


def test_secrets_stay_from_hosts_without_credentials() -> None:
    """An allowed host gets what is no secret, by value or by name, and nothing else of ours."""
    request = ask(SECRETIVE, AUTH + HOSTS, cursor="https://cdn.example.org/x?page=2&sig=theirs")
    assert request.url == "https://cdn.example.org/x?page=2&sig=theirs&q=x&sort=new"
    assert dict(request.headers) == {
        "Accept": "application/json, */*;q=0.5",
        "User-Agent": f"harvester/{__version__}",
        "Accept-Encoding": "gzip",
        "X-Open": "fine",
    }
    assert query(ask(LINKS, KEY + HOSTS, cursor="https://cdn.example.org/x")) == []


def test_secrets_go_to_hosts_with_credentials() -> None:
    """A host that is allowed them gets what base_url's origin gets."""
    request = ask(SECRETIVE, AUTH + HOSTS, cursor="https://eu.example.org/x")
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert dict(query(request)) == {"q": "x", "sign": TOKEN, "key": "abc", "sort": "new"}
    assert request.headers["X-Signed"] == f"v1 {TOKEN}"


@pytest.mark.parametrize(
    "content",
    ['json: {a: {b: "x{env.TOKEN}"}}', 'form: {a: "{env.TOKEN}"}', "json: {api_key: literal}"],
)
def test_secret_bodies_stay(content: str) -> None:
    """A body cannot be sent in part: with a secret in it, it is not sent."""
    with pytest.raises(PageRefused, match="body holds a secret"):
        ask(f"{LINKS}method: POST\n{content}", HOSTS, cursor="https://cdn.example.org/x")
    assert ask(f"{LINKS}method: POST\n{content}", HOSTS, cursor="https://eu.example.org/x").body
    assert ask(
        f"{LINKS}method: POST\njson: {{a: 1}}", HOSTS, cursor="https://cdn.example.org/x"
    ).body


def test_no_repr_shows_a_secret() -> None:
    """Neither an endpoint nor a request shows what it was made with."""
    resource = (
        SECRETIVE.rstrip()
        + """
    method: POST
    json: {password: literal-s3cret, t: "{env.TOKEN}"}
    """
    )
    for client in (AUTH, KEY):
        made = endpoint(resource, client)
        asked = config(resource, client)
        granted = credentials(asked.client.auth, asked.env)
        request = made.request(Partition("items", {}), None, 1, granted)
        assert TOKEN in request.url
        for shown in (repr(made), str(made), repr(request), str(request)):
            assert "s3cret" not in shown
    assert "s3cret" not in repr(config(SECRETIVE, AUTH))


@pytest.mark.parametrize("path", ["", "a/b.json", "a:b;c=1/@me", "..a/%2e%41/", "é", "//x", "a b"])
@pytest.mark.parametrize("host", ["api.example.org", "API.example.org:8080", "[::1]:80", "a_b"])
def test_a_plain_url_gets_its_query_as_any_other(host: str, path: str) -> None:
    """It is not taken apart for that, and letters are not encoded: the same comes of it."""
    url = f"https://{host}/{path}"
    for params in ([], [("a", "b c"), ("$x", "é&=+/~"), ("a", "")], [("", "x"), ("n[0]", "-._~9")]):
        query = "&".join(f"{quote(name, safe='$@:!*(),/~')}={quote_plus(v)}" for name, v in params)
        assert with_query(url, params) == urlsplit(f"{url}?{query}").geturl()
        assert with_query(f"{url}?", params) == with_query(f"{url}#f", params)
        assert with_query(f"{url}?", params) == with_query(url, params)
