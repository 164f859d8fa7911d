"""Curl lines as pages and browsers print them, to requests."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from harvester.errors import ConfigError
from harvester.scaffold.ask import Ask
from harvester.scaffold.curl import ask_of_curl
from harvester.scaffold.reading import given
from harvester.scaffold.shell import words
from harvester.scaffold.variables import mark

URL = "https://api.example.org/v1/items"


def ask_of(line: str, folder: Path | None = None) -> Ask:
    """The request of a line of text."""
    return ask_of_curl(words(line), folder)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("curl https://x.org/a", ["curl", "https://x.org/a"]),
        ("curl \\\n  -H 'a: b' \\\r\n  x", ["curl", "-H", "a: b", "x"]),
        ("curl \\  \n x", ["curl", "x"]),  # blanks after the backslash, as pages have them
        (r"curl $'it\'s \x41\101\u00e9\n' x", ["curl", "it's AA\xe9\n", "x"]),
        (r"curl $'\ud83d\ude00'", ["curl", "\U0001f600"]),  # as Chrome writes it
        (r'curl "a\"b\$c\d"', ["curl", 'a"b$c\\d']),
        ("curl 'a'\"b\"c", ["curl", "abc"]),
        (r"curl a\ b", ["curl", "a b"]),
        ('curl "$TOKEN" ${KEY}x', ["curl", mark("TOKEN"), mark("KEY") + "x"]),
        ("curl '$TOKEN'", ["curl", "$TOKEN"]),
        ('curl "u?$top=5&$select=id"', ["curl", "u?$top=5&$select=id"]),
        ("curl x | jq .data", ["curl", "x"]),
        ("curl x > out.json 2>/dev/null", ["curl", "x"]),
        ("curl x && echo done", ["curl", "x"]),
        ("curl x ; ls", ["curl", "x"]),
        ("curl x # all of them", ["curl", "x"]),
        ("curl https://x.org/?a=1&b=2", ["curl", "https://x.org/?a=1&b=2"]),  # quotes forgotten
        ("curl ''", ["curl", ""]),
    ],
)
def test_words(line: str, expected: list[str]) -> None:
    """As bash reads them, with its variables left in."""
    assert words(line) == expected


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("curl 'x", "never closed"),
        ('curl "x', "never closed"),
        (r"curl $'x\'", "never closed"),
        ("curl $(cat token)", "runs another command"),
        ("curl `cat token`", "runs another command"),
        (r"curl $'\ud83d'", "surrogate"),
        ("curl", "no URL"),
        ("curl -s", "no URL"),
        ("curl ftp://x.org/a", "http and https only"),
        ("curl nohost", "no URL"),
        ("curl https://", "no host"),
        ("curl -H", "lacks its value"),
        (f"curl -X DELETE {URL}", "DELETE"),
        (f"curl -T file {URL}", "upload"),
        (f"curl -F a=b {URL}", "multipart"),
        (f"curl --frobnicate 3 {URL}", "--frobnicate"),
        (f"curl -sW {URL}", "-W"),
        (f"curl -d '{{\"a\": }}' {URL}", "no JSON"),
        (f"curl --json nothing {URL}", "no JSON"),
        (f"curl -d plain {URL}", "neither JSON nor a form"),
        (f"curl -d @missing.json {URL}", "cannot be read"),
        (f"curl -d @- {URL}", "stdin"),
        (f"curl -H @headers {URL}", "not read"),
        (f"curl --digest -u me:pw {URL}", "--digest: .* in the clear"),
        (f"curl -u me:pw --ntlm {URL}", "--ntlm: .* in the clear"),
        (f"curl --negotiate -u : {URL}", "--negotiate: .* in the clear"),
        (f"curl --anyauth -u me:pw {URL}", "--anyauth: .* --basic"),
        (f"curl --aws-sigv4 aws:amz -u k:s {URL}", "--aws-sigv4: a signature of AWS"),
        (f"curl -E me.pem {URL}", "--cert: a client certificate"),
        (f"curl --key me.key {URL}", "--key: a client certificate"),
        (f"curl --unix-socket /run/x {URL}", "--unix-socket: a way to the server"),
        (f"curl --socks5-hostname localhost:9050 {URL}", "--socks5-hostname: a way"),
        (f"curl --resolve a:443:10.0.0.1 {URL}", "--resolve: a way"),
        (f"curl -x http://proxy:8080 -U me:pw {URL}", "--proxy-user: put it into the proxy"),
    ],
)
def test_what_is_refused(line: str, told: str, tmp_path: Path) -> None:
    """A clear word, never a traceback, and no value of the line in it."""
    with pytest.raises(ConfigError, match=told):
        ask_of(line, tmp_path)


def test_github(tmp_path: Path) -> None:
    """As docs.github.com prints it."""
    ask = ask_of(
        """curl -L \\
  -H "Accept: application/vnd.github+json" \\
  -H "Authorization: Bearer <YOUR-TOKEN>" \\
  -H "X-GitHub-Api-Version: 2022-11-28" \\
  https://api.github.com/repos/OWNER/REPO/issues"""
    )
    assert (ask.method, ask.url) == ("GET", "https://api.github.com/repos/OWNER/REPO/issues")
    assert ask.headers == {
        "Accept": "application/vnd.github+json",
        "Authorization": "Bearer <YOUR-TOKEN>",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    assert ask.notes == ()


def test_stripe() -> None:
    """As docs.stripe.com prints it: -G, several -d, a key as the user with an empty password."""
    ask = ask_of("""curl -G https://api.stripe.com/v1/charges \\
  -u "sk_test_BQokikJOvBiI2HlWgH4olfQ2:" \\
  -d limit=3 -d "created[gte]"=1704067200""")
    assert (ask.method, ask.params) == ("GET", (("limit", "3"), ("created[gte]", "1704067200")))
    assert (ask.user, ask.password) == ("sk_test_BQokikJOvBiI2HlWgH4olfQ2", "")


def test_chrome() -> None:
    """As Chrome's "copy as cURL (bash)" gives it: noise is left out and named."""
    ask = ask_of(r"""curl 'https://shop.example.org/api/products?page=2' \
  -H 'accept: application/json, text/plain, */*' \
  -H 'accept-language: en-GB,en;q=0.9' \
  -H 'authority: shop.example.org' \
  -b 'sid=s%3Aabc; theme=dark' \
  -H 'priority: u=1, i' \
  -H 'referer: https://shop.example.org/' \
  -H 'sec-ch-ua: "Chromium";v="130", "Not?A_Brand";v="99"' \
  -H 'sec-fetch-mode: cors' \
  -H 'user-agent: Mozilla/5.0 (X11; Linux x86_64)' \
  -H 'x-csrf-token: q1w2' \
  --data-raw $'{"query":"it\'s","n":1}' \
  --compressed""")
    assert (ask.method, ask.params) == ("POST", (("page", "2"),))
    assert ask.json == {"query": "it's", "n": 1}
    assert ask.headers["Cookie"] == "sid=s%3Aabc; theme=dark"
    assert not {"accept", "priority", "sec-ch-ua", "sec-fetch-mode"} & set(ask.headers)
    assert any("sec-ch-ua" in note and "priority" in note for note in ask.notes)


def test_graphql_of_github() -> None:
    """As docs.github.com prints it: a body of several lines, in quotes of the shell."""
    ask = ask_of(
        """curl -H "Authorization: bearer TOKEN" -X POST -d " \\
 { \\
   \\"query\\": \\"query { viewer { login }}\\" \\
 } \\
" https://api.github.com/graphql"""
    )
    assert ask.json == {"query": "query { viewer { login }}"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("-XPOST -d a=1", ("POST", {"a": "1"}, None)),
        ("-d a=1 -d b=2", ("POST", {"a": "1", "b": "2"}, None)),
        ("--data-urlencode 'a=b c&d'", ("POST", {"a": "b c&d"}, None)),
        ("--data-urlencode a@part.txt", ("POST", {"a": "x y"}, None)),
        ("-d @form.txt", ("POST", {"k": "v", "l": "w"}, None)),
        ("-d @body.json", ("POST", {}, {"size": 5})),
        ("--data-binary @body.json", ("POST", {}, {"size": 5})),
        ("--json '{\"a\":[1]}'", ("POST", {}, {"a": [1]})),
        ("--json '{' --json '\"a\":1}'", ("POST", {}, {"a": 1})),
        ("-H 'Content-Type: application/json' -d '[1]'", ("POST", {}, [1])),
        ("-d '{\"t\": \"$NAME\"}'", ("POST", {}, {"t": "$NAME"})),
        ("-d \"{\\\"n\\\": $NAME}\"", ("POST", {}, {"n": mark("NAME")})),
        ("-sSLk -XPOST -dq=1", ("POST", {"q": "1"}, None)),
        ("--request=POST --data=q=1", ("POST", {"q": "1"}, None)),
    ],
)  # fmt: skip
def test_bodies(options: str, expected: tuple[str, Any, Any], tmp_path: Path) -> None:
    """Every way to give data, alone, combined and from files."""
    (tmp_path / "part.txt").write_text("x y")
    (tmp_path / "form.txt").write_text("k=v\n&l=w\n")
    (tmp_path / "body.json").write_text('{\n "size": 5\n}')
    ask = ask_of(f"curl {options} {URL}", tmp_path)
    assert (ask.method, dict(ask.form), ask.json) == expected


@pytest.mark.parametrize(
    ("options", "params"),
    [
        ("-G -d a=1 -d 'b=x y'", [("a", "1"), ("b", "x y")]),
        ("--get --data-urlencode 'q=a&b=ç'", [("q", "a&b=ç")]),
        ("--url-query a=1", [("a", "1")]),
        ("-X GET -d a=1", [("a", "1")]),
        ("-d a=1 -G", [("a", "1")]),
    ],
)
def test_data_as_query(options: str, params: list[tuple[str, str]]) -> None:
    """-G puts data into the query, behind what is there."""
    ask = ask_of(f"curl '{URL}?z=0&z=1' {options}")
    assert ask.method == "GET"
    assert list(ask.params) == [("z", "0"), ("z", "1"), *params]


def test_logins_and_agents() -> None:
    """The short forms of headers, and credentials in a URL."""
    ask = ask_of(
        f"curl -A me/1 -e https://ref.example.org -b a=1 -b b=2 --oauth2-bearer t0ken {URL}"
    )
    assert ask.headers == {
        "User-Agent": "me/1", "Referer": "https://ref.example.org", "Cookie": "a=1; b=2",
        "Authorization": "Bearer t0ken",
    }  # fmt: skip
    ask = ask_of("curl https://user:p%40ss@api.example.org/x")
    assert (ask.url, ask.user, ask.password) == ("https://api.example.org/x", "user", "p@ss")


def test_what_cannot_be_honoured_is_named() -> None:
    """Certificates are always checked; other settings that change a request are told of."""
    ask = ask_of(f"curl -k --range 0-9 --interface eth1 -o out -w x -I {URL}")
    told = " ".join(ask.notes)
    for name in ("-k", "--range", "--interface", "--head"):
        assert name in told
    assert "-o" not in told.replace("--head", "")
    ask = ask_of(f"curl {URL} https://b.example.org/ --next https://c.example.org/")
    assert ask.url == URL
    assert any("2 URLs" in note for note in ask.notes)


def test_what_the_client_can_honour() -> None:
    """A proxy, a certificate authority, times and netrc have keys of their own in the YAML."""
    ask = ask_of(
        f"curl -x proxy.example.org:3128 --cacert ca.pem -m 30 --connect-timeout 5 -n {URL}"
    )
    assert ask.client == {
        "proxy": "http://proxy.example.org:3128", "ca_bundle": "ca.pem", "trust_env": True,
        "timeout": {"page": "30s", "connect": "5s"},
    }  # fmt: skip


def test_a_prompt_before_the_line_is_no_harm() -> None:
    """Pages print `$ curl …`, and some set variables before."""
    assert ask_of(f"$ curl {URL}").url == URL
    assert ask_of(f"TOKEN=x curl {URL}").url == URL
    assert ask_of(f"/usr/bin/curl {URL}").url == URL


def test_no_error_tells_a_value() -> None:
    """What is refused may stand beside a secret."""
    secret = base64.b64encode(b"very secret").decode()
    for line in (
        f"curl -H 'Authorization: {secret}' -X PUT {URL}",
        f"curl --json '{json.dumps({'password': secret})}}}' {URL}",
        f"curl -u me:{secret} --unknown {URL}",
    ):
        with pytest.raises(ConfigError) as refused:
            ask_of(line)
        assert secret not in str(refused.value)


def given_ask(line: str) -> Ask:
    """The request of a line as `init` takes it, whoever's shell it was written for."""
    return given([line], lambda: "", env={}).wanted[0].ask


def test_a_line_for_cmd_is_read() -> None:
    """As Chrome copies it for Windows: carets before all that cmd would take for its own."""
    ask = given_ask(
        'curl ^"https://api.example.org/v1/items?x=1^&y=a^%^20b^" ^\r\n'
        '  -H ^"accept: */*^" ^\r\n  -H ^"X-Say: ^\\^"hi^\\^"^" ^\r\n'
        '  --data-raw ^"^{^\\^"page^\\^":1^}^" --compressed'
    )
    assert (ask.url, ask.params) == (URL, (("x", "1"), ("y", "a b")))
    assert (ask.method, ask.json) == ("POST", {"page": 1})
    assert ask.headers == {"X-Say": '"hi"'}


@pytest.mark.parametrize(
    ("line", "params"),
    [
        (f'curl "{URL}?a=1&b=2^3" ^\n -s', {"a": "1", "b": "2^3"}),  # Firefox: quotes, no carets
        (f"curl {URL}?a=1^&b=2 | more", {"a": "1", "b": "2"}),
        (f'curl.exe ^"{URL}?a=%MY_TOKEN%^"', {"a": mark("MY_TOKEN")}),
        (f'curl ^"{URL}?a=%C3%A9^"', {"a": "é"}),  # no variable called C3
        (f"curl '{URL}?a=^\"x' -s", {"a": '^"x'}),  # a line for bash
    ],
)
def test_carets(line: str, params: dict[str, str]) -> None:
    """Inside cmd's own quotes a caret is a caret; what follows a pipe is not curl's."""
    assert dict(given_ask(line).params) == params


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (f'Invoke-WebRequest -Uri "{URL}" -Headers @{{"a"="b"}}', "PowerShell.*bash"),
        (f'$session = New-Object Foo\nInvoke-RestMethod "{URL}"', "PowerShell"),
        (f"curl.exe `\n  -s `\n  {URL}", "PowerShell"),
        (f'fetch("{URL}", {{"method": "GET"}})', "JavaScript fetch"),
        (f'curl ^"{URL}', "never closed"),
    ],
)
def test_lines_of_other_shells_are_named(line: str, told: str) -> None:
    """What is not read is called by its name, with what to copy instead."""
    with pytest.raises(ConfigError, match=told):
        given_ask(line)


@pytest.mark.parametrize("option", ["--digest", "--ntlm", "--negotiate", "--anyauth"])
def test_row_69_a_password_is_not_sent_another_way(option: str) -> None:
    """What was to be proven by a digest would go over the wire in the clear."""
    with pytest.raises(ConfigError, match=option) as refused:
        given_ask(f"curl {option} -u me:s3cr3t-pw {URL}")
    assert "s3cr3t-pw" not in str(refused.value)
