"""No secret in use is in anything that is written down or said: every byte is searched.

A harvest with each way to be let in, and with secrets in the headers, the parameters, the body,
the path and the base URL, from an API that throws all of them back: in next links, cursors,
response headers, error bodies, redirects and in the pages. Then every file of the folder, and all
that the commands have said, is searched for each secret in every spelling.

Exempt are the parts, which hold what the server sent, byte for byte (this one echoes secrets on
purpose), and the file of a replaced refresh token, which is there to hold one.
"""

import json
import re
import subprocess
import sys
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from harvester import load_config
from harvester.errors import ConfigError
from tests.api_server import Answer, ApiServer, Asked
from tests.support import ENVIRONMENT

#: What the YAML refers to. Each with what must be encoded somewhere: `/+="&` and blanks.
NAMES = (
    "BEARER", "API_KEY", "USERNAME", "PASSWORD", "ID", "SECRET", "REFRESH", "OWNER", "OWN",
    "HEADER", "PARAM", "BODY", "FORM", "LOGIN",
)  # fmt: skip
ENV = {
    **{name: f'{name.lower()}-S3cr3t/+="&{at} x' for at, name in enumerate(NAMES, 10)},
    "TENANT": "tenant-S3cr3t~28",
    "PLACE": "place-S3cr3t=29",
    "FOLLOWING": "foll0wing S3cr3t/30",
}
#: Written straight into the YAML, under names that say what they are.
WRITTEN = {"key": "wr1tten-S3cr3t/31", "header": "wr1tten-S3cr3t+32", "json": "wr1tten-S3cr3t=33",
           "path": "wr1tten-S3cr3t.34"}  # fmt: skip
#: What the authorization server gives.
GIVEN = {
    "access": "acc3ss-S3cr3t/41+",
    "session": "s3ssion-S3cr3t/42+",
    "refresh": "r3fresh-S3cr3t/43+",
}
EVERY = [*ENV.values(), *WRITTEN.values(), *GIVEN.values()]
#: Of which schemes each of those comes to be in use.
GIVEN_TO = {
    "access": ("client_credentials", "client_in_header", "refresh_token"),
    "session": ("session_token",),
    "refresh": ("refresh_token",),
}

AUTH = {
    "none": "null",
    "bearer": '{type: bearer, token: "{env.BEARER}"}',
    "api_key": '{type: api_key, name: X-Key, prefix: "Key ", value: "{env.API_KEY}"}',
    "api_key_query": '{type: api_key, name: k, value: "{env.API_KEY}", location: query}',
    "http_basic": '{type: http_basic, username: "{env.USERNAME}", password: "{env.PASSWORD}"}',
    "key_as_user": '{type: http_basic, username: "{env.API_KEY}"}',
    "client_credentials": '{type: oauth2_client_credentials, access_token_url: "ORIGIN/token",'
    ' client_id: "{env.ID}", client_secret: "{env.SECRET}"}',
    "client_in_header": '{type: oauth2_client_credentials, access_token_url: "ORIGIN/token",'
    ' client_id: "{env.ID}", client_secret: "{env.SECRET}", client_auth: basic}',
    "refresh_token": '{type: oauth2_refresh_token, access_token_url: "ORIGIN/token",'
    ' client_id: "{env.ID}", client_secret: "{env.SECRET}", refresh_token: "{env.REFRESH}"}',
    "session_token": '{type: session_token, login: {path: login, json: {user: x,'
    ' password: "{env.PASSWORD}", more: {pin: "{env.LOGIN}"}}}, token_path: jwt}',
    "hmac": '{type: hmac, key: "{env.API_KEY}", key_name: X-Key, secret: "{env.SECRET}",'
    ' signed: "{method}{path_and_query}{body}", name: sign, location: query}',
    "http_digest": '{type: http_digest, username: "{env.USERNAME}",'
    ' password: "{env.PASSWORD}"}',
    "oauth1": '{type: oauth1, client_key: "{env.ID}", client_secret: "{env.SECRET}",'
    ' resource_owner_key: "{env.OWNER}", resource_owner_secret: "{env.OWN}"}',
}  # fmt: skip

YAML = """
version: 1
name: leaky
client:
  base_url: "ORIGIN/{env.TENANT}/"
  auth: AUTH
  headers: {X-Client: "{env.HEADER}", Private-Token: "<header>"}
  retry: {attempts: 2, max_wait: 0.01}
resource_defaults:
  data_selector: data
  params: {q: "{env.PARAM}", key: "<key>"}
resources:
  - {name: links, path: "links/{env.PLACE}", paginator: {type: json_link, next_url_path: next}}
  - {name: tokens, path: tokens, paginator: {type: cursor, cursor_path: next, cursor_param: cursor}}
  - {name: objects, path: objects, paginator: {type: cursor, cursor_path: next, cursor_param: "*"}}
  - {name: headed, path: headed, paginator: {type: header_link}}
  - {name: posted, path: posted, method: POST,
     json: {secret: "<json>", deep: [{x: "{env.BODY}"}]},
     paginator: {type: json_link, next_url_path: next}}
  - {name: form, path: form, method: POST, form: {pin: "{env.FORM}"},
     paginator: {type: single_page}}
  - {name: wandering, path: wandering, paginator: {type: json_link, next_url_path: next}}
  - {name: forbidden, path: forbidden, paginator: {type: single_page}}
  - {name: failing, path: "failing?token=<path>", paginator: {type: single_page}}
  - {name: moved, path: moved, paginator: {type: single_page}}
  - {name: away, path: away, paginator: {type: single_page}}
  - {name: looping, path: looping,
     paginator: {type: cursor, cursor_path: next, cursor_param: cursor}}
  - {name: text, path: text, paginator: {type: single_page}}
  - {name: following, path: following, next_request: {path: "following/{env.FOLLOWING}"},
     paginator: {type: cursor, cursor_path: next, cursor_param: cursor}}
  - {name: stale, path: stale, paginator: {type: cursor, cursor_path: next, cursor_param: cursor},
     response_actions: [{status: 410, action: restart}]}
concurrency: {partitions: 4}
"""
for _name, _value in WRITTEN.items():
    YAML = YAML.replace(f"<{_name}>", _value)


def in_use(auth: str) -> list[str]:
    """The secrets of a harvest with this scheme; no other is known to anybody."""
    text = YAML + AUTH[auth]
    return [
        *(value for name, value in ENV.items() if f"{{env.{name}}}" in text),
        *WRITTEN.values(),
        *(GIVEN[name] for name, schemes in GIVEN_TO.items() if auth in schemes),
    ]


def lower(text: str) -> str:
    """Percent-encoding with small letters."""
    return re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), text)


def spellings(value: str) -> set[str]:
    """Every form in which a value may leave a process."""
    escaped = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    percent = {
        quote(value), quote(value, safe=""), quote_plus(value), quote(value, safe="!'()*"),
        quote(value, safe="/:@!$&'()*+,;=~"), quote_plus(value, safe="*").replace("~", "%7E"),
        value.replace(" ", "%20"),
    }  # fmt: skip
    plain = {value, *escaped, *(text.replace("/", "\\/") for text in escaped), *percent}
    encoded = {
        encode(before + value.encode()).decode().rstrip("=")[len(before) and len(before) + 1 : -1]
        for before in (b"", b"\0", b"\0\0")
        for encode in (b64encode, urlsafe_b64encode)
    }
    return plain | {lower(text) for text in percent} | encoded


def echoed(secrets: Sequence[str], kind: int) -> str:
    """All secrets in one text, spelled in one way each, another with each `kind`."""
    said = []
    for place, value in enumerate(secrets):
        forms = sorted(spellings(value), key=lambda form: (len(form), form))
        said.append(forms[(place + kind) % len(forms)])
    return "|".join(said)


def in_links(secrets: Sequence[str], kind: int) -> str:
    """All secrets in a query string, as servers of several kinds encode it."""
    spell: Callable[[str], str] = (
        quote_plus,
        quote,
        lambda value: lower(quote_plus(value)),
        lambda value: quote(value, safe=""),
        lambda value: quote(value, safe="!'()*"),
        lambda value: quote(value, safe="/:@!$'()*,;~"),
        lambda value: quote_plus(value, safe="*").replace("~", "%7E"),
    )[kind % 7]
    return "&".join(f"e{place}={spell(value)}" for place, value in enumerate(secrets))


def leaky(secrets: Sequence[str], asked: Asked) -> Answer:
    """The API, which echoes these secrets, and the authorization server beside it."""
    if asked.path in ("/token", "/login", "/tenant-S3cr3t~28/login"):
        return Answer({"access_token": GIVEN["access"], "expires_in": 3600, "jwt": GIVEN["session"],
                       "refresh_token": GIVEN["refresh"]})  # fmt: skip
    kind = asked.path.split("/")[2]
    query = dict(asked.query)
    page = int(query.get("page", "1"))
    said = {
        "X-Request-Id": quote(secrets[page]),
        "ETag": f'"{quote(secrets[-page])}"',
        "X-RateLimit-Echo": quote(in_links(secrets, page)),
        "X-Rate-Limit-Plain": in_links(secrets, page),
    }
    base = f"{asked.origin}/tenant-S3cr3t~28/{kind}"
    record = echoed(secrets, page) + len(query.get("cursor", "")) * "."  # no page twice
    body: dict[str, Any] = {"data": [record], "echo": echoed(secrets, page + 1)}
    following = f"{base}?page={page + 1}&{in_links(secrets, page)}"
    match kind:
        case "links" | "posted" if page < 9:
            body["next"] = following
        case "headed" if page < 4:
            said["Link"] = f'<{following}>; rel="next"'
        case "tokens" | "following" if len(query.get("cursor", "")) < 4:
            body["next"] = query.get("cursor", "") + "c" + "|".join(secrets)
        case "objects" if page < 3:
            body["next"] = {
                "page": page + 1,
                "again": secrets,
                secrets[0]: echoed(secrets, 0)[:200],
            }
        case "wandering":
            body["next"] = f"http://other.example/?{in_links(secrets, page)}"
        case "forbidden":
            return Answer({"error": echoed(secrets, 0)[:250]}, 403, said)
        case "failing":
            return Answer(text=f"<html>{echoed(secrets, 1)[:250]}", status=500, headers=said)
        case "moved":
            return Answer(
                status=302, headers={"Location": f"http://other.example/?{in_links(secrets, 1)}"}
            )
        case "away":
            return Answer(
                status=302, headers={"Location": f"http://{quote(secrets[0], safe='')}:x/"}
            )
        case "looping":
            body["next"] = "|".join(secrets)
        case "text":
            return Answer(text=f"Error: {echoed(secrets, 2)}", headers=said)
        case "stale" if page == 1 and "cursor" in query:
            return Answer({"error": echoed(secrets, 3)[:250]}, 410, said)
        case "stale":
            body["next"] = "|".join(secrets[:3])
    return Answer(body, headers=said)


def harvester(
    *arguments: str | Path, env: Mapping[str, str] = ENV
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "harvester", *map(str, arguments)],
        env={**ENVIRONMENT, **env}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def written(folder: Path, origin: str, auth: str) -> Path:
    """The configuration in a file."""
    path = folder / "leaky.yaml"
    path.write_text(YAML.replace("AUTH", AUTH[auth]).replace("ORIGIN", origin))
    return path


def leaks(texts: Mapping[str, str], values: Sequence[str] = EVERY) -> list[tuple[str, str, str]]:
    """Where a secret is: the text's name, the form found, and what is around it."""
    found = []
    for name, text in texts.items():
        for value in values:
            found += [
                (name, form, text[max(0, at - 60) : at + len(form) + 20])
                for form in spellings(value)
                if (at := text.find(form)) >= 0
            ]
    return found


def stored(out: Path) -> dict[str, str]:
    """What the files of a folder hold, and their names; without parts and the token file."""
    return {
        str(path.relative_to(out)): f"{path.relative_to(out)}\n" + path.read_bytes().decode()
        for path in out.rglob("*")
        if path.is_file() and not path.name.startswith("part-") and path.name != ".tokens.json"
    }


#: Schemes that differ in how a secret is sent, obtained and renewed; the others are like one of
#: these, and are run with the whole suite.
OFTEN = ("bearer", "api_key_query", "http_basic", "refresh_token")


@pytest.mark.parametrize(
    "auth",
    [
        auth if auth in OFTEN else pytest.param(auth, marks=pytest.mark.slow("starts programs"))
        for auth in AUTH
    ],
)
def test_no_secret_is_written_or_said(tmp_path: Path, auth: str) -> None:
    """Files, names of files, both streams of every command, JSON forms included."""
    secrets = in_use(auth)
    with ApiServer(partial(leaky, secrets)) as api:
        config, out = written(tmp_path, api.origin, auth), tmp_path / "out"
        lines: list[list[str | Path]] = [["run", config, "--out", out, "--json"]]
        if auth not in ("none", "api_key", "key_as_user", "client_credentials"):
            lines += [["check", config, "--live"]]
        if auth in ("bearer", "refresh_token"):
            lines += [
                ["run", config, "--out", out], ["status", out], ["status", out, "--json"],
                ["verify", out, "--deep"], ["verify", out, "--json"], ["plan", config, "--json"],
                ["run", config, "--out", out, "--set", f"client.headers.X-Api-Key={ENV['ID']}"],
            ]  # fmt: skip
        said = {}
        for line in lines:
            done = harvester(*line)
            said[f"{line[0]} stdout {line[2:]}"] = done.stdout
            said[f"{line[0]} stderr {line[2:]}"] = done.stderr
            assert "Traceback" not in done.stderr
            assert done.returncode in (0, 3), done.stderr
    summary = json.loads(said[next(iter(said))])
    pages = {item["name"]: item["pages"] for item in summary["resources"]}
    assert {key: pages[key] for key in ("links", "posted", "tokens", "headed", "objects")} == {
        "links": 9, "posted": 9, "tokens": 2, "headed": 4, "objects": 3,
    }, done.stderr  # fmt: skip
    assert len(summary["failures"]) >= 7
    found = leaks({**stored(out), **said}, secrets)
    assert not found, "\n".join(map(str, found))


def test_a_secret_that_is_cut_off(tmp_path: Path) -> None:
    """An error body is shown up to a length, which may lie within a secret."""
    secret = ENV["HEADER"]
    config = tmp_path / "cut.yaml"
    config.write_text(
        'version: 1\nname: cut\nclient: {base_url: "http://127.0.0.1:1/", '
        'headers: {X-Client: "{env.HEADER}"}}\n'
        "resources: [{name: a, path: a, paginator: {type: single_page}}]\n"
    )

    def answer(asked: Asked) -> Answer:
        return Answer(text="x" * before + secret * 3, status=403)

    before = 0
    with ApiServer(answer) as api:
        for shown in (1, 4, 7, len(secret) - 1):
            before = 300 - shown
            done = harvester("run", config, "--out", tmp_path / "out", "--base-url", api.origin)
            assert done.returncode == 3
            assert secret[:4] not in done.stderr.replace("head -n", "")
            assert ("***…" in done.stderr) == (shown >= 4)


@pytest.mark.parametrize("auth", ["client_in_header", "refresh_token", "session_token"])
def test_what_a_token_endpoint_says(tmp_path: Path, auth: str) -> None:
    """It may quote what it was sent, in an error or on a page of HTML."""
    secrets = in_use(auth)

    def answer(asked: Asked) -> Answer:
        told = {"error": "invalid", "error_description": echoed(secrets, 0), "detail": secrets}
        return Answer(told, 400) if len(api.asked) % 2 else Answer(text=echoed(secrets, 1))

    with ApiServer(answer) as api:
        config, out = written(tmp_path, api.origin, auth), tmp_path / "out"
        lines: list[list[str | Path]] = [
            ["run", config, "--out", out, "--json"],
            ["check", config, "--live"],
        ]
        for line in lines:
            done = harvester(*line)
            assert done.returncode == 3
            found = leaks({**stored(out), "stdout": done.stdout, "stderr": done.stderr}, secrets)
            assert not found, "\n".join(map(str, found))


@pytest.mark.parametrize(
    "fault",
    [
        "raise ValueError(config.env)",
        "raise KeyError(str(config.env['SECRET']).encode())",
        "raise RuntimeError('https://x/?a=' + urllib.parse.quote_plus(config.env['HEADER']))",
        "raise OSError(5, base64.b64encode(config.env['HEADER'].encode()))",
    ],
)
def test_a_traceback_holds_no_secret(tmp_path: Path, fault: str) -> None:
    """Not even where a bug puts it into an error: the one time that a traceback is shown."""
    config = written(tmp_path, "http://127.0.0.1:1", "bearer")
    code = (
        f"import base64, sys, urllib.parse; sys.argv = ['harvester', 'run', {str(config)!r}]\n"
        "import harvester.engine.shared_run as shared, harvester.cli\n"
        f"def broken(config, *more):\n    {fault}\n"
        "shared.sources_of = broken\n"
        "harvester.cli.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**ENVIRONMENT, **ENV}, cwd=tmp_path,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == (4 if "OSError" in fault else 1)  # the machine's fault, or ours
    assert "rror: " in done.stderr
    assert leaks({"stdout": done.stdout, "stderr": done.stderr}) == []


MISTAKES = [
    "auth: {type: bearer, token: [SECRET]}",
    "auth: {type: bearer, token: {a: SECRET}}",
    "auth: {type: bearer, tokn: SECRET}",
    "auth: {type: bearer, token: SECRET, nonsense: 1}",
    "auth: {type: api_key, name: key, value: SECRET, location: heder}",
    "auth: SECRET",
    "headers: {Authorization: [SECRET]}",
    "headers: [SECRET]",
    'headers: {Authorization: "SECRET{"}',
    'headers: {Authorization: "SECRET\\n"}',
    "proxy: http://user:SECRET@",
    "proxy: SECRET",
    'base_url: "http://user:SECRET@127.0.0.1/"',
    'base_url: "http://127.0.0.1/?key=SECRET"',
    'base_url: "http://127.0.0.1:SECRET/"',
]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_beside_a_secret_does_not_show_it(tmp_path: Path, mistake: str) -> None:
    """Problems of a configuration are told by key; values that may be secrets are not quoted."""
    secret = "wr1tten-S3cr3t"
    path = tmp_path / "mistaken.yaml"
    base = "" if "base_url" in mistake else "  base_url: http://127.0.0.1:1/\n"
    path.write_text(
        f"version: 1\nname: a\nclient:\n{base}  {mistake}\n".replace("SECRET", secret)
        + "resources: [{name: a, path: a, paginator: {type: single_page}}]\n"
    )
    for changes in ([], [f"client.auth.token=[{secret}]"]):
        with pytest.raises(ConfigError) as caught:
            load_config(path, set=changes, env={})
        assert secret not in str(caught.value)


def test_a_proxys_password(tmp_path: Path) -> None:
    """It is in the header that the proxy gets, and nowhere else, also when the proxy says no."""
    seen = []

    def proxy(asked: Asked) -> Answer:
        seen.append(asked.headers.get("proxy-authorization"))
        return Answer(text=f"not you, {quote(password)}", status=407)

    password, user = "pr0xy S3cr3t/1", "ann"
    config, out = tmp_path / "a.yaml", tmp_path / "out"
    with ApiServer(proxy) as api:
        address = api.origin.removeprefix("http://")
        config.write_text(
            f'version: 1\nname: a\nclient: {{base_url: "http://api.invalid/", '
            f'proxy: "http://{user}:{quote(password, safe="")}@{address}"}}\n'
            "resources: [{name: a, path: a, paginator: {type: single_page}}]\n"
        )
        done = harvester("run", config, "--out", out, "--json")
    assert done.returncode == 3
    assert seen == ["Basic " + b64encode(f"{user}:{password}".encode()).decode()]
    texts = {**stored(out), "stdout": done.stdout, "stderr": done.stderr}
    assert leaks(texts, [password, f"{user}:{password}"]) == []


@pytest.mark.parametrize(
    ("umask", "files", "folders"), [(0o022, 0o644, 0o755), (0o077, 0o600, 0o700)]
)
def test_who_may_read_what(tmp_path: Path, umask: int, files: int, folders: int) -> None:
    """Files are as open as the person's umask says; a refresh token is its owner's alone."""
    with ApiServer(partial(leaky, in_use("refresh_token"))) as api:
        config, out = written(tmp_path, api.origin, "refresh_token"), tmp_path / "out"
        line = ["run", config, "--out", out, "--resource", "tokens"]
        subprocess.run(
            [sys.executable, "-m", "harvester", *map(str, line)],
            env={**ENVIRONMENT, **ENV}, umask=umask, check=True, capture_output=True,
        )  # fmt: skip
    modes = {path: path.stat().st_mode & 0o777 for path in [out, *out.rglob("*")]}
    assert modes.pop(out / ".tokens.json") == 0o600
    assert modes.pop(out / ".tokens.json.lock", 0o600) == 0o600
    assert {mode for path, mode in modes.items() if path.is_file()} == {files}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {folders}


ELSEWHERE = """
version: 1
name: elsewhere
client:
  base_url: ORIGIN/
  auth: {type: api_key, name: X-Key, value: "{env.API_KEY}"}
  headers: {X-Client: "{env.HEADER}", User-Agent: me}
  allowed_hosts: [{host: "OTHER", credentials: CREDENTIALS}]
resource_defaults: {data_selector: data, params: {q: "{env.PARAM}", n: 1}}
resources:
  - {name: body, path: body, paginator: {type: json_link, next_url_path: next}}
  - {name: header, path: header, paginator: {type: header_link}}
  - {name: whole, path: whole, method: POST, json: {limit: 1},
     paginator: {type: json_link, next_url_path: next}}
  - {name: sent, path: sent, method: POST, json: {pin: "{env.BODY}"},
     paginator: {type: json_link, next_url_path: next}}
"""


@pytest.mark.parametrize("credentials", [False, True])
def test_what_an_allowed_host_gets(tmp_path: Path, credentials: bool) -> None:
    """The link as it stands, and nothing of ours that is secret, unless it is given credentials."""
    secrets = [ENV[name] for name in ("API_KEY", "HEADER", "PARAM", "BODY")]

    def first(asked: Asked) -> Answer:
        link = f"{other.origin}/next{asked.path}?page=2"
        following: Any = link
        if asked.path == "/whole":
            following = {"href": link, "method": "POST", "body": {"after": "abc"}, "merge": True}
        return Answer({"data": [1], "next": following}, headers={"Link": f"<{link}>; rel=next"})

    with (
        ApiServer(lambda asked: Answer({"data": [2]})) as other,
        ApiServer(first) as api,
    ):
        config = tmp_path / "elsewhere.yaml"
        text = ELSEWHERE.replace("ORIGIN", api.origin).replace("OTHER", other.origin[7:])
        config.write_text(text.replace("CREDENTIALS", str(credentials).lower()))
        done = harvester("run", config, "--out", tmp_path / "out", "--json")
    failures = {item["resource"]: item["error"] for item in json.loads(done.stdout)["failures"]}
    asked = {request.path: request for request in other.asked}
    heard = {
        path: str((request.query, dict(request.headers), request.body.decode()))
        for path, request in asked.items()
    }
    assert asked["/next/body"].params["page"] == "2"
    assert asked["/next/whole"].json == {"limit": 1, "after": "abc"}
    if credentials:
        assert failures == {}
        assert all(request.headers["x-key"] == ENV["API_KEY"] for request in other.asked)
    else:
        assert list(failures) == ["sent"]
        assert "gets no credentials (allowed_hosts: credentials)" in failures["sent"]
        assert leaks(heard, secrets) == []
        assert all(request.headers["user-agent"] == "me" for request in other.asked)
    assert leaks({**stored(tmp_path / "out"), "said": done.stdout + done.stderr}, secrets) == []


def test_the_search_finds_what_is_there() -> None:
    """The search itself: each spelling of each secret, wherever it stands."""
    for value in EVERY:
        for form in spellings(value):
            assert leaks({"it": f"<{form}>"})
    assert leaks({"it": "nothing here"}) == []
