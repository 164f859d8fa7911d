"""Parses a curl command line into the request that it makes.

The options are data, in `curl_options`. One that cannot be honoured becomes a note; unknown
ones are refused: whether the next word belongs to one cannot be known.
"""

import base64
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, Final

from harvester.errors import ConfigError
from harvester.scaffold.ask import Ask, Pairs, form_pairs, url_parts
from harvester.scaffold.curl_data import read_text, urlencoded
from harvester.scaffold.curl_options import (
    FLAGS,
    IDLE,
    OWN,
    REFUSALS,
    SHORT,
    TAKES,
    USUAL_FORM,
    USUAL_JSON,
)
from harvester.scaffold.variables import quoted
from harvester.values import dataclass

_OURS: Final = "; take it out (harvester's own options go before the word curl)"


def is_curl(words: Sequence[str]) -> bool:
    """Whether the words are a curl command line, its prompt or an environment before it or not."""
    return bool(_without_prompt(words))


def ask_of_curl(words: Sequence[str], folder: Path | None = None) -> Ask:
    """The request of a curl line's words; `-d @file` is read relative to `folder`.

    Raises ConfigError, all of whose messages are free of the line's values.
    """
    line = _Line(folder or Path())
    rest = iter(_without_prompt(words))
    for word in rest:
        if not line.done:
            line.take(word, rest)
    return line.ask()


def _without_prompt(words: Sequence[str]) -> Sequence[str]:
    for at, word in enumerate(words):
        if re.fullmatch(r"(?:.*/)?curl(?:\.exe)?", word):
            return words[at + 1 :]
        if word not in ("$", "%", ">", "sudo", "time") and "=" not in word:
            break
    return ()


@dataclass(slots=True)
class _Line:
    """What a line has said so far."""

    folder: Path
    urls: list[str] = field(default_factory=list)
    method: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    data: list[str] = field(default_factory=list)
    encoded: bool = False  # as a form's parts, not as a text of its own
    as_json: bool = False
    get: bool = False
    query: list[str] = field(default_factory=list)
    user: str | None = None
    client: dict[str, Any] = field(default_factory=dict)
    idle: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    done: bool = False
    plain: bool = False  # after `--`: no more options

    def take(self, word: str, rest: Iterable[str]) -> None:
        """One word, and the next one where it is an option's value."""
        if self.plain or not word.startswith("-") or word == "-":
            self.urls.append(word)
        elif word == "--":
            self.plain = True
        elif word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            self._option(name, value if equals else None, rest)
        else:
            self._short(word[1:], rest)

    def _short(self, letters: str, rest: Iterable[str]) -> None:
        for at, letter in enumerate(letters):
            name = SHORT.get(letter)
            if name is None:
                raise ConfigError(f"curl's option -{letter} is not known here{_OURS}")
            if name in TAKES:
                self._option(name, letters[at + 1 :] or None, rest)
                return
            self._flag(name)

    def _option(self, name: str, value: str | None, rest: Iterable[str]) -> None:
        if name in FLAGS or (name.startswith("no-") and name[3:] in FLAGS):
            self._flag(name)
            return
        if name not in TAKES:
            raise ConfigError(f"curl's option --{name} is not known here{_OURS}")
        if value is None:
            value = next(iter(rest), None)
        if value is None:
            raise ConfigError(f"curl's option --{name} lacks its value")
        kind = TAKES[name]
        if kind == "refused":
            raise ConfigError(f"curl's --{name}: {REFUSALS[name]}")
        if kind == "unheard":
            self._unheard(name)
        elif kind != "harmless":
            getattr(self, f"_{kind}")(value)

    def _flag(self, name: str) -> None:
        match FLAGS.get(name, "harmless"):
            case "refused":
                raise ConfigError(f"curl's --{name}: {REFUSALS[name]}")
            case "get":
                self.get = True
            case "unheard":
                self._unheard(name)
            case "insecure":
                self.notes.append(
                    "curl's -k is not honoured: certificates are always checked; for one of your "
                    "own write client: {ca_bundle: FILE}"
                )
            case "netrc":
                self.client["trust_env"] = True
            case "next":
                self.notes.append("curl's --next: only the request before it is looked at")
                self.done = True

    def _unheard(self, name: str) -> None:
        self.notes.append(f"curl's --{name} is not honoured")

    # What the options with a value do, by the kinds of `TAKES`.

    def _method(self, value: str) -> None:
        self.method = value.upper()

    def _url(self, value: str) -> None:
        self.urls.append(value)

    def _header(self, value: str) -> None:
        if value.startswith("@"):
            raise ConfigError("curl's -H @file is not read; write the headers into the line")
        name, colon, text = value.partition(":")
        name, text = name.strip(), text.strip()
        if not colon or not text:  # `Name;` sends an empty one, `Name:` takes one away
            return
        if IDLE.fullmatch(name) or name.lower() in OWN:
            if name.lower() not in OWN:
                self.idle.append(name)
            return
        self.headers[_spelled(self.headers, name)] = text

    def _data(self, value: str) -> None:
        if value.startswith("@"):
            value = "".join(read_text(self.folder, value[1:]).splitlines())
        self.data.append(value)

    def _raw(self, value: str) -> None:
        self.data.append(value)

    def _binary(self, value: str) -> None:
        self.data.append(read_text(self.folder, value[1:]) if value.startswith("@") else value)

    def _encoded(self, value: str) -> None:
        self.encoded = True
        self.data.append(urlencoded(self.folder, value))

    def _json(self, value: str) -> None:
        self.as_json = True
        self._binary(value)

    def _query(self, value: str) -> None:
        self.query.append(value[1:] if value.startswith("+") else urlencoded(self.folder, value))

    def _user(self, value: str) -> None:
        self.user = value

    def _cookie(self, value: str) -> None:
        if "=" not in value:
            self.notes.append("curl's -b FILE is not honoured: write the cookies into the line")
            return
        name = _spelled(self.headers, "Cookie")
        self.headers[name] = "; ".join(filter(None, (self.headers.get(name), value)))

    def _agent(self, value: str) -> None:
        self._header(f"User-Agent: {value}")

    def _referer(self, value: str) -> None:
        self._header(f"Referer: {value.split(';')[0]}")

    def _bearer(self, value: str) -> None:
        self._header(f"Authorization: Bearer {value}")

    def _proxy(self, value: str) -> None:
        self.client["proxy"] = value if "://" in value else f"http://{value}"

    def _cacert(self, value: str) -> None:
        self.client["ca_bundle"] = value

    def _time(self, value: str) -> None:
        self._timeout("page", value)

    def _connect(self, value: str) -> None:
        self._timeout("connect", value)

    def _timeout(self, name: str, value: str) -> None:
        if re.fullmatch(r"[0-9]{1,6}", value) and int(value):
            self.client["timeout"] = {**self.client.get("timeout", {}), name: f"{value}s"}

    def ask(self) -> Ask:
        """The request."""
        if not self.urls:
            raise ConfigError("the curl line has no URL")
        if len(self.urls) > 1:
            self.notes.append(f"of the line's {len(self.urls)} URLs only the first is looked at")
        url, params, user, password = url_parts(self.urls[0])
        for more in self.query:
            params += form_pairs(more)
        if self.idle:
            self.notes.append(f"left out, as an API has no use for them: {', '.join(self.idle)}")
        if self.user is not None:
            user, _, password = self.user.partition(":")
        body: Any = None
        form: Pairs = ()
        method = self.method or ("POST" if self.data and not self.get else "GET")
        if self.data and (self.get or method in ("GET", "HEAD")):
            if not self.get:
                self.notes.append(
                    "a GET with a body: harvester sends it as parameters, which APIs that read "
                    "such bodies mostly take too"
                )
            params += form_pairs("&".join(self.data))
        elif self.data:
            body, form = self._body()
        if method not in ("GET", "POST", "HEAD"):
            raise ConfigError(f"the line asks for a {method}; a harvest reads, with GET or POST")
        headers = _useful(self.headers, body is not None, bool(form))
        return Ask(
            url, "GET" if method == "HEAD" else method, params, headers, body, form, user, password,
            self.client, tuple(self.notes),
        )  # fmt: skip

    def _body(self) -> tuple[Any, Pairs]:
        text = ("" if self.as_json else "&").join(self.data)
        kind = _value(self.headers, "content-type")
        looks = text.lstrip().startswith(("{", "["))
        if self.as_json or "json" in kind or (looks and not self.encoded):
            try:
                return json.loads(quoted(text)), ()
            except (ValueError, RecursionError) as error:
                at = getattr(error, "pos", 0) + 1
                raise ConfigError(
                    f"the body of the line is no JSON: {getattr(error, 'msg', error)}, at its "
                    f"character {at} of {len(text)}"
                ) from None
        if "=" not in text:
            raise ConfigError(
                "the body of the line is neither JSON nor a form (name=value), and harvester "
                "sends no other"
            )
        return None, form_pairs(text)


def _useful(headers: dict[str, str], as_json: bool, as_form: bool) -> dict[str, str]:
    """The headers without those that harvester sends by itself."""
    usual = re.compile(USUAL_JSON if as_json else USUAL_FORM)
    kept = {}
    for name, value in headers.items():
        lower = value.lower()
        content = name.lower() == "content-type"
        if content and (not (as_json or as_form) or usual.fullmatch(lower)):
            continue
        if name.lower() == "accept" and ("*/*" in lower or lower == "application/json"):
            continue
        kept[name] = value
    return kept


def _spelled(headers: dict[str, str], name: str) -> str:
    """The name as it stands in `headers` already, where only its case differs."""
    return next((known for known in headers if known.lower() == name.lower()), name)


def _value(headers: dict[str, str], name: str) -> str:
    return headers.get(_spelled(headers, name), "").lower()


def basic_login(encoded: str) -> tuple[str, str] | None:
    """User and password of a Basic header's value, or None where it is none."""
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return None
    return (user, password) if colon else None
