"""Reads what was given on the command line (a curl line, a URL, OpenAPI) as requests."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from harvester.errors import AttemptFailed, ConfigError
from harvester.scaffold.ask import Ask, ask_of_url
from harvester.scaffold.curl import ask_of_curl, is_curl
from harvester.scaffold.deciding import NoFirstPage
from harvester.scaffold.declaring import tree_of
from harvester.scaffold.guess import SINGLE
from harvester.scaffold.openapi import chosen, document_of, is_openapi, operations
from harvester.scaffold.probing import Probe
from harvester.scaffold.proposing import Wanted
from harvester.scaffold.shell import literal, words
from harvester.scaffold.variables import unmarked
from harvester.scaffold.windows import cmd_words, is_cmd, refuse_others
from harvester.scaffold.writing import yaml_text
from harvester.values import dataclass

_LARGEST_DOCUMENT: Final = 64 << 20
_DOCUMENTS: Final = (".json", ".yaml", ".yml")
_DOCUMENT_NAMES: Final = ("openapi", "swagger", "api-docs", "spec")


@dataclass(frozen=True, slots=True)
class Given:
    """What is to be looked at, and where it is from in words."""

    wanted: list[Wanted]
    source: str

    @property
    def place(self) -> str:
        """The host that is asked."""
        return urlsplit(self.wanted[0].ask.url).netloc


def given(
    arguments: Sequence[str],
    stdin: Callable[[], str],
    *,
    operation: Sequence[str] = (),
    base_url: str | None = None,
    offline: bool = False,
    env: Mapping[str, str],
) -> Given:
    """Read the arguments of `harvester init`; ConfigError where they are nothing to begin with."""
    if is_curl(arguments):  # a shell has split it, and has filled in its variables
        return _single(ask_of_curl(literal(arguments), Path()), "a curl line")
    if len(arguments) != 1:
        raise ConfigError(
            "one thing to begin with: a curl line, a URL, an OpenAPI document, or - for stdin"
        )
    text = stdin() if arguments[0] == "-" else arguments[0]
    if not text.strip():
        raise ConfigError("nothing was given: a curl line, a URL, or an OpenAPI document")
    if arguments[0] != "-" and (path := _file(text)):
        return _described(path.read_text("utf-8", "replace"), str(path), operation, base_url)
    if arguments[0] == "-" and text.lstrip().startswith(("{", "openapi:", "swagger:")):
        return _described(text, "stdin", operation, base_url)
    refuse_others(text)
    line = cmd_words(unmarked(text)) if is_cmd(text) else words(text)
    if is_curl(line):
        return _single(ask_of_curl(line, Path()), "a curl line")
    if len(line) != 1:
        raise ConfigError("neither a curl line nor one URL; does the line begin with `curl`?")
    ask = ask_of_url(line[0])
    if not offline and _may_be_document(ask, operation) and (found := _fetched(ask, env)):
        return _described(found, ask.url, operation, base_url)
    return _single(ask, "a URL")


def _single(ask: Ask, source: str) -> Given:
    return Given([Wanted(ask)], source)


def _file(text: str) -> Path | None:
    """The file that an argument names, if it names one."""
    try:
        path = Path(text)
        if "://" not in text and path.suffix.lower() in _DOCUMENTS and "\n" not in text:
            if not path.is_file() and "/" not in text.strip("/"):
                raise ConfigError(f"{text}: no such file")
            if path.is_file():
                if path.stat().st_size > _LARGEST_DOCUMENT:
                    raise ConfigError(f"{text}: over 64 MiB, too much for an OpenAPI document")
                return path
    except (OSError, ValueError):
        return None
    return None


def _may_be_document(ask: Ask, operation: Sequence[str]) -> bool:
    last = ask.url.rpartition("/")[2].lower()
    return bool(operation) or any(name in last for name in _DOCUMENT_NAMES)


def _fetched(ask: Ask, env: Mapping[str, str]) -> str | None:
    """The document at a URL; None where it is none. Raises NoFirstPage."""
    probe = Probe(env)
    config = probe.load(
        yaml_text(tree_of(ask, "init", "document", None, None, SINGLE), [], {}), "init"
    )
    try:
        sample = probe.first(config)
    except AttemptFailed as error:
        raise NoFirstPage(str(error), status=error.status) from error
    return sample.body.decode() if is_openapi(sample.page) else None


def _described(text: str, source: str, operation: Sequence[str], base_url: str | None) -> Given:
    document = document_of(text, source)
    found = operations(document, source, base_url)
    picked = chosen(found, operation, source)
    return Given([Wanted(one.ask, one.page) for one in picked], f"the OpenAPI document {source}")
