"""Redacts secrets: none reaches a log, an error, the journal or harvest.json.

Two ways to take them out of what is written down:

* `redact` is for people and one way: secrets by value, in every spelling that leaves a process
  (see `spellings`), also one that was cut off, and query parameters by their names.
* `conceal` and `reveal` are for cursors, which must come back exactly: some servers echo the key
  that was sent in their next links. A secret becomes a reference, `{secret.env.NAME}`, with the
  spelling it was found in, `{secret.env.NAME:plus}`; one that follows no rule is noted sign by
  sign, `{secret.env.NAME:mixed.rul}`.

A value of fewer than four characters is a secret only under the name of one: taken out of every
text, `a` or `42` would leave nothing legible, and where it is missing one could read what it is.
In a cursor a value of fewer than six is one only as the whole value of a parameter or member that
is named like a secret: anywhere else it may just happen to stand there, and with the next value of
the secret a cursor would be sent that no server gave.
"""

import re
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote_plus

from harvester.errors import DataRefused
from harvester.patterns import pattern
from harvester.security.encodings import (
    any_of,
    in_base64,
    mixed,
    mixture,
    mixtures,
    one_way,
    reversible,
    without_cut,
)
from harvester.values import dataclass

#: Shorter values are no secrets, and taking them out would garble what remains.
SHORTEST: Final = 4
#: Shorter ones are concealed in cursors under the name of a secret only.
_SHORTEST_ANYWHERE: Final = 6
#: How many values of one secret are remembered: a token that is renewed every hour for a year
#: must not make each redaction slower, and those of yesterday open nothing.
_REMEMBERED: Final = 8
_MOST_HIDDEN: Final = 64
_MASK = "***"

# A reference to a secret inside a concealed cursor opens so. Where a cursor holds this very text
# of its own, it is closed at once: a reference without a name.
_OPEN = "{secret."
_LITERAL_OPEN = "{secret.}"
_REFERENCE = pattern(r"\{secret\.[^{}]*\}")


# `next_token`, `page_token`, `cursor` and their like are none of these, whatever they begin with.
_NAMED = (
    r"\$*(?:[\w-]*[_-])?(?:(?:access|api|app|auth|client|consumer|id|oauth|private|refresh|secret"
    r"|security|session|subscription)[_-]?(?:key|token|secret)|signature)"
    r"|appid|auth|authorization|bearer|key|pass|passwd|password|secret|sig|token"
)
_PARAMETER = pattern(rf"((?:^|[?&])({_NAMED})=)([^&#\s\"'<>]+)", re.IGNORECASE)
_UNDER_A_NAME = pattern(rf"(?:^|[?&;])(?:{_NAMED})=\Z", re.IGNORECASE)
_NAME_CHARS: Final = 80  # of such a name, at most
_AFTER_VALUE: Final = ("", "&", "#", ";")
_MEMBER = pattern(rf'("(?:{_NAMED})"\s*:\s*")(?:[^"\\]|\\.)+', re.IGNORECASE)
_USERINFO = pattern(r"(https?://)[^/\s\"'?#]+@")
_SECRET_NAME = pattern(_NAMED + r"|cookie|proxy-authorization", re.IGNORECASE)


class Secrets:
    """The secret values in use, by the reference that names each (`env.TOKEN`, `auth.token`).

    `derived` are further strings that give a secret away, such as a header made from one. `former`
    are values that are no secrets, but that cursors concealed by an earlier version may refer to.
    """

    def __init__(
        self,
        values: Mapping[str, str],
        derived: Iterable[str] = (),
        former: Mapping[str, str] | None = None,
    ) -> None:
        self._former = _references(
            {name: (value,) for name, value in (former or {}).items() if len(value) >= SHORTEST}
        )
        self._derived = tuple(text for text in derived if len(text) >= SHORTEST)
        self._values: Mapping[str, tuple[str, ...]] = {
            name: (value,) for name, value in values.items() if len(value) >= SHORTEST
        }
        self._hidden: tuple[str, ...] = ()
        self._learning = threading.Lock()
        _in_use.add(self)
        self._known = _known(self._values, self._derived)

    def learn(self, name: str, value: str) -> None:
        """Take `value` for the secret `name` from now on; its earlier values stay secret too.

        For tokens that a run fetches. Any thread may call it while others redact.
        """
        if len(value) < SHORTEST:
            return
        with self._learning:
            before = tuple(item for item in self._values.get(name, ()) if item != value)
            self._values = {**self._values, name: (*before, value)[-_REMEMBERED:]}
            self._known = _known(self._values, (*self._derived, *self._hidden))

    def hide(self, text: str) -> None:
        """Redact `text` from now on, too: a cookie. In cursors it is left as it is, since nobody
        would know it any more when the harvest is resumed.
        """
        with self._learning:
            if len(text) >= _SHORTEST_ANYWHERE and text not in self._hidden:
                self._hidden = (*self._hidden, text)[-_MOST_HIDDEN:]
                self._known = _known(self._values, (*self._derived, *self._hidden))

    def redact(self, text: str) -> str:
        """`text` for people: every secret is `***`, and what stands under the name of one."""
        known = self._known
        text = without_cut(known.forms.sub(_MASK, text), known.texts, _MASK)
        text = _MEMBER.sub(rf"\1{_MASK}", text)
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

        def reference(found: re.Match[str], named: bool) -> str:
            if found.lastindex is None:
                return _LITERAL_OPEN
            value = known.values[found.lastindex - 1]
            if len(value) < _SHORTEST_ANYWHERE and not _stands_alone(found, named):
                return found[0]
            if found[0] in known.references:
                return known.references[found[0]]
            return f"{_OPEN}{known.names[value]}:{mixture(value, found[0])}}}"

        return _substitute(cursor, known.found, reference)

    def reveal(self, cursor: Any) -> Any:
        """The cursor that `conceal` was given, with today's values of the secrets.

        `DataRefused` where the configuration no longer names a secret that the cursor held.
        """
        return _substitute(cursor, _REFERENCE, lambda found, _: self._value_of(found[0]))

    def _value_of(self, reference: str) -> str:
        if reference == _LITERAL_OPEN:
            return _OPEN
        for spelled in (self._known.spelled, self._former):
            if reference in spelled:
                return spelled[reference]
            name, _, kind = reference.removeprefix(_OPEN).removesuffix("}").partition(":")
            plain = f"{_OPEN}{name}}}"
            if plain in spelled and (text := mixed(spelled[plain], kind)) is not None:
                return text
        raise DataRefused(
            f"the cursor to go on with holds the secret {name}, which the configuration no "
            "longer has: put it back"
        )


_in_use: "weakref.WeakSet[Secrets]" = weakref.WeakSet()


def redact_all(text: str, environment: Mapping[str, str]) -> str:
    """`text` without any secret of this process, for what may come from anywhere: a traceback.

    Of the variables of the environment those count whose names say so, such as `MY_TOKEN`.
    """
    named = {
        name: value
        for name, value in environment.items()
        if re.search("key|token|secret|pass|pwd|auth|credential", name, re.IGNORECASE)
        and not re.search(r"[\ud800-\udfff]", value)  # no UTF-8: nothing that was sent holds it
    }
    for secrets in (*_in_use, Secrets(named)):
        text = secrets.redact(text)
    return text


@dataclass(frozen=True, slots=True)
class _Known:
    """What is made of the secrets, all of it at once: other threads are looking things up."""

    forms: re.Pattern[str]
    texts: tuple[str, ...]  # all that gives a secret away
    values: tuple[str, ...]  # the longest first; one group of `found` each
    names: Mapping[str, str]  # by value
    spelled: Mapping[str, str]  # by reference
    references: Mapping[str, str]  # by spelling
    found: re.Pattern[str]


def _known(values: Mapping[str, tuple[str, ...]], derived: tuple[str, ...]) -> _Known:
    """`values` are those of each secret, today's last."""
    names = {value: name for name, each in values.items() for value in each}
    texts = (*names, *derived)
    forms = _references(values)
    # Plain ones last: they win over another secret that looks so when it is encoded.
    plain_last = sorted(_forms(values), key=lambda form: ":" not in form[0])
    references = {text: reference for reference, text in plain_last}
    longest_first = tuple(sorted(names, key=lambda value: (-len(value), value)))
    found = any_of([*map(_found, longest_first), re.escape(_OPEN)])
    return _Known(one_way(texts), texts, longest_first, names, forms, references, found)


def _forms(values: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    """The references to values, each with what it stands for, one for each spelling by a rule."""
    for name, each in values.items():
        for value in each:
            for kind, text in reversible(value).items():
                yield f"{_OPEN}{name}{kind}}}", text


def _references(values: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """The same, by reference; of a secret that has had several values, today's."""
    return dict(_forms(values))


def _stands_alone(found: re.Match[str], named: bool) -> bool:
    """Whether a match is all of a member named like a secret, or of such a parameter of a URL."""
    text, start, end = found.string, found.start(), found.end()
    if named and (start, end) == (0, len(text)):
        return True
    before = text[max(0, start - _NAME_CHARS) : start]
    return text[end : end + 1] in _AFTER_VALUE and _UNDER_A_NAME.search(before) is not None


def _found(value: str) -> str:
    """The group of a value: where it is to be concealed."""
    embedded = in_base64(value) if ":base64" in reversible(value) else []
    return f"({'|'.join([mixtures(value), *map(re.escape, embedded)])})"


def written_in(url: str) -> dict[str, str]:
    """The secrets that a URL of the configuration spells out, by the names of their parameters;
    references to the environment are none.
    """
    found = (match.group(2, 3) for match in _PARAMETER.finditer(url))
    return {name: unquote_plus(value) for name, value in found if "{" not in value}


def masked_url(url: str) -> str:
    """A URL of the configuration without what `written_in` finds."""
    return _PARAMETER.sub(lambda match: match[0] if "{" in match[3] else match[1] + _MASK, url)


def is_secret_name(name: str) -> bool:
    """Whether a parameter or header of this name holds a secret. `next_token` does not."""
    return _SECRET_NAME.fullmatch(name) is not None


def _substitute(
    tree: Any,
    found: re.Pattern[str],
    instead: Callable[[re.Match[str], bool], str],
    named: bool = False,
) -> Any:
    """`tree` with what is found in its strings, keys included, replaced; `instead` hears whether a
    string stands under the name of a secret.
    """
    if isinstance(tree, str):
        return found.sub(lambda match: instead(match, named), tree)
    if isinstance(tree, Mapping):
        return {
            _substitute(key, found, instead): _substitute(
                value, found, instead, named or is_secret_name(key)
            )
            for key, value in tree.items()
        }
    if isinstance(tree, list):
        return [_substitute(item, found, instead, named) for item in tree]
    return tree
