"""Where requests may go (rows 22 to 24), and where credentials may go with them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.errors import PageRefused
from harvester.security.origins import Origin, Origins, origin_of, resolve

API = Origins(frozenset({origin_of("https://api.example.org/v1/")}), {})


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://api.example.org", Origin("https", "api.example.org", 443)),
        ("HTTPS://API.Example.ORG:443/x", Origin("https", "api.example.org", 443)),
        ("http://api.example.org/?q=http://other/", Origin("http", "api.example.org", 80)),
        ("http://api.example.org:/x", Origin("http", "api.example.org", 80)),
        ("https://127.0.0.1:8443/", Origin("https", "127.0.0.1", 8443)),
        ("http://[::1]:8080/x", Origin("http", "::1", 8080)),
        ("http://[2001:DB8::1]/x", Origin("http", "2001:db8::1", 80)),
        ("https://bücher.example/x", Origin("https", "bücher.example", 443)),
    ],
)
def test_origin_of(url: str, origin: Origin) -> None:
    """Scheme, host and port, in lower case, with the scheme's usual port."""
    assert origin_of(url) == origin
    assert origin_of(f"{origin}/") == origin


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/x",
        "api.example.org/x",
        "//api.example.org/x",
        "https:/api.example.org",
        "https:api.example.org",
        "https:///x",
        "https://",
        "https://:443/x",
        "file:///etc/passwd",
        "ftp://api.example.org/",
        "javascript:alert(1)",
        "data:application/json,{}",
        "https://user@api.example.org/",
        "https://user:pw@api.example.org/",
        "https://@api.example.org/",
        "https://api.example.org@evil.example.org/",
        "https://api.example.org:443@evil.example.org/",
        "https://api.example.org\\@evil.example.org/",
        "https://evil.example.org\\.api.example.org/",
        "https:\\\\evil.example.org/",
        "https://api.example.org/a b",
        "https://api.example.org/\r\nHost: evil",
        "https://api.example.org\t/",
        "https://api.example.org\x00/",
        "https://api.example.org/\x7f",
        " https://api.example.org/",
        "https://api.example.org:port/",
        "https://api.example.org:70000/",
        "https://api.example.org:-1/",
        "https://[::1",
        "https://[::1]evil/",
        "https://a\u2100b.example/",  # NFKC would make a/c of this
    ],
)
def test_no_origin(url: str) -> None:
    """What is no absolute http or https URL, or pretends to be another one, is refused."""
    with pytest.raises(PageRefused):
        origin_of(url)
    with pytest.raises(PageRefused):
        API.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.org/",
        "https://api.example.org:443/v2/x?y=z",
        "HTTPS://API.EXAMPLE.ORG/x",
        "https://api.example.org/@evil.example.org/",
        "https://api.example.org?@evil.example.org/",
    ],
)
def test_configured_origin(url: str) -> None:
    """The origin that the user wrote gets the credentials."""
    assert API.check(url) is True


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.org/",  # down from https
        "https://api.example.org:8443/",
        "https://api.example.org:0/",
        "https://example.org/",
        "https://evil.example.org/",
        "https://sub.api.example.org/",
        "https://api.example.org.evil.example/",
        "https://api.example.org./",  # another name for DNS, and for certificates
        "https://xn--pi-nja.example.org/",
        "https://аpi.example.org/",  # noqa: RUF001 - Cyrillic
        "https://api%2Eexample.org/",
        "https://127.0.0.1/",
        "https://[::1]/",
    ],
)
def test_other_origins(url: str) -> None:
    """Another host, port or scheme is refused, in words that name both."""
    with pytest.raises(PageRefused, match=r"neither base_url.*https://api.example.org:443"):
        API.check(url)


ALLOWED = Origins(
    frozenset({origin_of("https://api.example.org/")}),
    {"cdn.example.org": False, "files.example.org:8443": True, "eu.example.org": True},
)


@pytest.mark.parametrize(
    ("url", "credentials"),
    [
        ("https://cdn.example.org/x", False),
        ("https://CDN.example.org:443/x", False),
        ("https://eu.example.org/x", True),
        ("https://files.example.org:8443/x", True),
        ("https://api.example.org/x", True),
    ],
)
def test_allowed_hosts(url: str, credentials: bool) -> None:
    """A link may lead to an allowed host, with credentials only where that says so."""
    assert ALLOWED.check(url) is credentials


@pytest.mark.parametrize(
    "url",
    [
        "https://cdn.example.org:8443/",  # no port means the usual one
        "https://files.example.org/",
        "https://files.example.org:443/",
        "https://x.cdn.example.org/",
        "http://cdn.example.org/",
        "http://files.example.org:8443/",
        "http://eu.example.org/",
    ],
)
def test_allowed_hosts_do_not_allow_more(url: str) -> None:
    """Neither another port nor plain http is allowed along with a host."""
    with pytest.raises(PageRefused):
        ALLOWED.check(url)


def test_plain_http_where_the_user_chose_it() -> None:
    """A harvest of an http API may be led to http and to https."""
    origins = Origins(frozenset({origin_of("http://127.0.0.1:8000/")}), {"cdn.example.org": False})
    assert origins.check("http://127.0.0.1:8000/x")
    assert not origins.check("http://cdn.example.org/x")
    assert not origins.check("https://cdn.example.org/x")
    with pytest.raises(PageRefused):
        origins.check("https://127.0.0.1:8000/x")


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("x", "https://api.example.org/v1/x"),
        ("/x", "https://api.example.org/x"),
        ("?a=1", "https://api.example.org/v1/items?a=1"),
        ("", "https://api.example.org/v1/items?page=1"),
        ("./a:b", "https://api.example.org/v1/a:b"),
        ("w/https://x.org//y", "https://api.example.org/v1/w/https://x.org//y"),
        ("/w//y", "https://api.example.org/w//y"),
        ("x/../y;z?q=//a/../b", "https://api.example.org/v1/y;z?q=//a/../b"),
        ("../x", "https://api.example.org/x"),
        ("../../../x", "https://api.example.org/x"),
        ("//evil.example.org/x", "https://evil.example.org/x"),
        ("http://evil.example.org", "http://evil.example.org"),
        (" ?q=a b ", "https://api.example.org/v1/items?q=a%20b"),
    ],
)
def test_resolve(link: str, url: str) -> None:
    """References are resolved as RFC 3986 says; blanks are encoded."""
    assert resolve("https://api.example.org/v1/items?page=1", link) == url


@pytest.mark.parametrize("link", ["https://[::1", "//[", "a\nb", "a\tb", "\\x", "\ud800"])
def test_resolve_refuses(link: str) -> None:
    """What cannot be a URL is refused, never mended in silence."""
    with pytest.raises(PageRefused):
        resolve("https://api.example.org/", link)


@settings(deadline=None)
@given(
    st.text(alphabet="htps:/\\@#?[].:%aé1 \n\t-", max_size=30), st.sampled_from(["", "https://"])
)
def test_any_link_stays_or_is_refused(link: str, scheme: str) -> None:
    """Whatever a server writes as a link, it is sent to the configured origin or not at all."""
    try:
        url = resolve("https://api.example.org/v1/", scheme + link)
        allowed = API.check(url)
    except PageRefused:
        return
    assert allowed
    assert url.lower().startswith("https://api.example.org")
