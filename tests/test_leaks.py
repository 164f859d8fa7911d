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
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from tests.api_server import Answer, ApiServer, Asked
from tests.support import ENVIRONMENT

#: What the YAML refers to. Each with what must be encoded somewhere: `/+="&` and blanks.
ENV = {
    name: f'{name.lower()}-S3cr3t/+="&{number} x'
    for number, name in enumerate(
        ["BEARER", "API_KEY", "USERNAME", "PASSWORD", "ID", "SECRET", "REFRESH", "OWNER", "OWN",
         "HEADER", "PARAM", "BODY", "FORM", "LOGIN"], 10,
    )
} | {"TENANT": "tenant-S3cr3t~28", "PLACE": "place-S3cr3t=29", "FOLLOWING": "foll0wing S3cr3t/30"}  # fmt: skip
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
    "oauth1": '{type: oauth1, client_key: "{env.ID}", client_secret: "{env.SECRET}",'
    ' resource_owner_key: "{env.OWNER}", resource_owner_secret: "{env.OWN}"}',
}  # fmt: skip

YAML = (
    """
version: 1
name: leaky
client:
  base_url: "ORIGIN/{env.TENANT}/"
  auth: AUTH
  headers: {X-Client: "{env.HEADER}", Private-Token: "%(header)s"}
  retry: {attempts: 2, max_wait: 0.01}
resource_defaults:
  data_selector: data
  params: {q: "{env.PARAM}", key: "%(key)s"}
resources:
  - {name: links, path: "links/{env.PLACE}", paginator: {type: json_link, next_url_path: next}}
  - {name: tokens, path: tokens, paginator: {type: cursor, cursor_path: next, cursor_param: cursor}}
  - {name: objects, path: objects, paginator: {type: cursor, cursor_path: next, cursor_param: "*"}}
  - {name: headed, path: headed, paginator: {type: header_link}}
  - {name: posted, path: posted, method: POST, json: {secret: "%(json)s", deep: [{x: "{env.BODY}"}]},
     paginator: {type: json_link, next_url_path: next}}
  - {name: form, path: form, method: POST, form: {pin: "{env.FORM}"}, paginator: {type: single_page}}
  - {name: wandering, path: wandering, paginator: {type: json_link, next_url_path: next}}
  - {name: forbidden, path: forbidden, paginator: {type: single_page}}
  - {name: failing, path: "failing?token=%(path)s", paginator: {type: single_page}}
  - {name: moved, path: moved, paginator: {type: single_page}}
  - {name: away, path: away, paginator: {type: single_page}}
  - {name: looping, path: looping, paginator: {type: cursor, cursor_path: next, cursor_param: cursor}}
  - {name: text, path: text, paginator: {type: single_page}}
  - {name: following, path: following, next_request: {path: "following/{env.FOLLOWING}"},
     paginator: {type: cursor, cursor_path: next, cursor_param: cursor}}
  - {name: stale, path: stale, paginator: {type: cursor, cursor_path: next, cursor_param: cursor},
     response_actions: [{status: 410, action: restart}]}
concurrency: {partitions: 4}
"""
    % WRITTEN
)  # noqa: UP031 - braces are the YAML's


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
    spell = (
        quote_plus, quote, lambda value: lower(quote_plus(value)), lambda value: quote(value, safe=""),
        lambda value: quote(value, safe="!'()*"), lambda value: quote(value, safe="/:@!$'()*,;~"),
        lambda value: quote_plus(value, safe="*").replace("~", "%7E"),
    )[kind % 7]  # fmt: skip
    return "&".join(f"e{place}={spell(value)}" for place, value in enumerate(secrets))


def leaky(secrets: Sequence[str], asked: Asked) -> Answer:
    """The API, which echoes these secrets, and the authorization server beside it."""
    if asked.path in ("/token", "/login", "/tenant-S3cr3t~28/login"):
        return Answer({"access_token": GIVEN["access"], "expires_in": 3600, "jwt": GIVEN["session"],
                       "refresh_token": GIVEN["refresh"]})  # fmt: skip
    kind = asked.path.split("/")[2]
    query = dict(asked.query)
    page = int(query.get("page", "1"))
    said = {"X-Request-Id": quote(secrets[page]), "ETag": f'"{quote(secrets[-page])}"',
            "X-RateLimit-Echo": quote(in_links(secrets, page))[:4000], "X-Rate-Limit-Plain": in_links(secrets, page)[:4000]}  # fmt: skip
    base = f"{asked.origin}/tenant-S3cr3t~28/{kind}"
    body: dict[str, Any] = {"data": [echoed(secrets, page)], "echo": echoed(secrets, page + 1)}
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
            for form in spellings(value):
                if (at := text.find(form)) >= 0:
                    found.append((name, form, text[max(0, at - 60) : at + len(form) + 20]))
    return found


def stored(out: Path) -> dict[str, str]:
    """What the files of a folder hold, and their names; without parts and the token file."""
    return {
        str(path.relative_to(out)): f"{path.relative_to(out)}\n" + path.read_bytes().decode()
        for path in out.rglob("*")
        if path.is_file() and not path.name.startswith("part-") and path.name != ".tokens.json"
    }


@pytest.mark.parametrize("auth", AUTH)
def test_no_secret_is_written_or_said(tmp_path: Path, auth: str) -> None:
    """Files, names of files, both streams of every command, JSON forms included."""
    secrets = in_use(auth)
    with ApiServer(partial(leaky, secrets)) as api:
        config, out = written(tmp_path, api.origin, auth), tmp_path / "out"
        lines: list[list[str | Path]] = [
            ["run", config, "--out", out, "--json"],
            ["check", config, "--live"],
        ]
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


def test_the_search_finds_what_is_there() -> None:
    """The search itself: each spelling of each secret, wherever it stands."""
    for value in EVERY:
        for form in spellings(value):
            assert leaks({"it": f"<{form}>"})
    assert leaks({"it": "nothing here"}) == []
