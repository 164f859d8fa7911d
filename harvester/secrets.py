"""Secrets never reach a log, an error, the journal or harvest.json.

Two ways to take them out of what is written down:

* `redact` is for people and one way: secrets by value, in every spelling that leaves a process
  (plain, percent-encoded, JSON, base64), and query parameters by their names.
* `conceal` and `reveal` are for cursors, which must come back exactly: some servers echo the key
  that was sent in their next links. A secret becomes a reference, `{secret.env.NAME}`, with the
  spelling it was found in, `{secret.env.NAME:plus}`.
"""

import base64
import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, quote_plus

from harvester.errors import DataRefused

#: Shorter values are no secrets, and taking them out would garble what remains.
_SHORTEST = 4
#: How many values of one secret are remembered: a token that is renewed every hour for a year
#: must not make each redaction slower, and those of yesterday open nothing.
_REMEMBERED: Final = 8
_MASK = "***"

# A reference to a secret inside a concealed cursor opens so. Where a cursor holds this very text
# of its own, it is closed at once: a reference without a name.
_OPEN = "{secret."
_LITERAL_OPEN = "{secret.}"
_REFERENCE = re.compile(r"\{secret\.[^{}]*\}")


def _lower(percent_encoded: str) -> str:
    """Percent-encoding with small letters, `%2f`, as some servers write it."""
    return re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), percent_encoded)


# Plain last, so that it wins where the spellings are the same.
_REVERSIBLE: Final[tuple[tuple[str, Callable[[str], str]], ...]] = (
    (":plus_lower", lambda value: _lower(quote_plus(value))),
    (":quoted_lower", lambda value: _lower(quote(value, safe=""))),
    (":path", quote),
    (":plus", quote_plus),
    (":quoted", lambda value: quote(value, safe="")),
    ("", str),
)

# `next_token`, `page_token`, `cursor` and their like are none of these, whatever they begin with.
_NAMED = (
    r"\$*(?:[\w-]*[_-])?(?:(?:access|api|app|auth|client|consumer|id|oauth|private|refresh|secret"
    r"|security|session|subscription)[_-]?(?:key|token|secret)|signature)"
    r"|appid|auth|authorization|bearer|key|pass|passwd|password|secret|sig|token"
)
_PARAMETER = re.compile(rf"((?:^|[?&])(?:{_NAMED})=)[^&#\s\"'<>]+", re.IGNORECASE)
_MEMBER = re.compile(rf'("(?:{_NAMED})"\s*:\s*")(?:[^"\\]|\\.)+', re.IGNORECASE)
_USERINFO = re.compile(r"(https?://)[^/\s\"'?#]+@")
_SECRET_NAME = re.compile(_NAMED + r"|cookie|proxy-authorization", re.IGNORECASE)


class Secrets:
    """The secret values in use, by the reference that names each (`env.TOKEN`, `auth.token`).

    `derived` are further strings that give a secret away, such as a header made from one.
    """

    def __init__(self, values: Mapping[str, str], derived: Iterable[str] = ()) -> None:
        self._derived = tuple(text for text in derived if len(text) >= _SHORTEST)
        self._values: Mapping[str, tuple[str, ...]] = {
            name: (value,) for name, value in values.items() if len(value) >= _SHORTEST
        }
        self._learning = threading.Lock()
        self._known = _known(self._values, self._derived)

    def learn(self, name: str, value: str) -> None:
        """Take `value` for the secret `name` from now on; its earlier values stay secret too.

        For tokens that a run fetches. Any thread may call it while others redact.
        """
        if len(value) < _SHORTEST:
            return
        with self._learning:
            before = tuple(item for item in self._values.get(name, ()) if item != value)
            self._values = {**self._values, name: (*before, value)[-_REMEMBERED:]}
            self._known = _known(self._values, self._derived)

    def redact(self, text: str) -> str:
        """`text` for people: every secret is `***`, and what stands under the name of one."""
        text = _MEMBER.sub(rf"\1{_MASK}", self._known.forms.sub(_MASK, text))
        return _USERINFO.sub(rf"\1{_MASK}@", _PARAMETER.sub(rf"\1{_MASK}", text))

    def redact_tree(self, tree: Any) -> Any:
        """A JSON value with every string in it redacted, and the values of secret names."""
        if isinstance(tree, str):
            return self.redact(tree)
        if isinstance(tree, Mapping):
            return {
                self.redact(key): _MASK
                if is_secret_name(key) and isinstance(value, str)
                else self.redact_tree(value)
                for key, value in tree.items()
            }
        if isinstance(tree, list | tuple):
            return [self.redact_tree(item) for item in tree]
        return tree

    def is_open(self, name: str, value: str) -> bool:
        """Whether a header or parameter may go to a host that gets no credentials."""
        return not is_secret_name(name) and self.redact(value) == value

    def conceal(self, cursor: Any) -> Any:
        """A cursor as the journal may hold it; `reveal` gives it back exactly."""
        known = self._known
        return _substitute(
            cursor, known.found, lambda text: known.references.get(text, _LITERAL_OPEN)
        )

    def reveal(self, cursor: Any) -> Any:
        """The cursor that `conceal` was given, with today's values of the secrets.

        `DataRefused` where the configuration no longer names a secret that the cursor held.
        """
        return _substitute(cursor, _REFERENCE, self._value_of)

    def _value_of(self, reference: str) -> str:
        if reference == _LITERAL_OPEN:
            return _OPEN
        spelled = self._known.spelled
        if reference not in spelled:
            name = reference.removeprefix(_OPEN).partition(":")[0].rstrip("}")
            raise DataRefused(
                f"the cursor to go on with holds the secret {name}, which the configuration no "
                "longer has: put it back"
            )
        return spelled[reference]


@dataclass(frozen=True, slots=True)
class _Known:
    """What is made of the secrets, all of it at once: other threads are looking things up."""

    forms: re.Pattern[str]
    spelled: Mapping[str, str]  # by reference
    references: Mapping[str, str]  # by spelling
    found: re.Pattern[str]


def _known(values: Mapping[str, tuple[str, ...]], derived: tuple[str, ...]) -> _Known:
    """`values` are those of each secret, today's last."""
    texts = (*(value for each in values.values() for value in each), *derived)
    spelled: dict[str, str] = {}
    references: dict[str, str] = {}
    for kind, spell in _REVERSIBLE:
        for name, each in values.items():
            for value in each:
                reference = f"{_OPEN}{name}{kind}}}"
                spelled[reference] = spell(value)
                references[spelled[reference]] = reference
    forms = _any_of(form for text in texts for form in _spellings(text))
    return _Known(forms, spelled, references, _any_of((*references, _OPEN)))


def is_secret_name(name: str) -> bool:
    """Whether a parameter or header of this name holds a secret. `next_token` does not."""
    return _SECRET_NAME.fullmatch(name) is not None


def _spellings(value: str) -> set[str]:
    """The forms in which a value may turn up in URLs, JSON and headers."""
    raw = value.encode()
    in_json = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    return {
        *(spell(value) for _, spell in _REVERSIBLE),
        *in_json,
        *(text.replace("/", "\\/") for text in in_json),  # as PHP writes it
        base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
    }


def _any_of(texts: Iterable[str]) -> re.Pattern[str]:
    """Any of the texts, the longest that fits; never matches where there are none."""
    longest_first = sorted({text for text in texts if text}, key=lambda text: (-len(text), text))
    return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")


def _substitute(tree: Any, found: re.Pattern[str], instead: Callable[[str], str]) -> Any:
    """`tree` with what is found in its strings, keys included, replaced."""
    if isinstance(tree, str):
        return found.sub(lambda match: instead(match[0]), tree)
    if isinstance(tree, Mapping):
        return {
            _substitute(key, found, instead): _substitute(value, found, instead)
            for key, value in tree.items()
        }
    if isinstance(tree, list):
        return [_substitute(item, found, instead) for item in tree]
    return tree
