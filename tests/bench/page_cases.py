"""The cases of one page: what fields within its records cost, and pages made to be slow.

The cost of a field is the CPU of a whole harvest of one large page, less that of one of a small
page, beside the same harvest, of records of the same kind, with nothing but a cursor outside of
them.
"""

import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tests.bench import cases
from tests.bench.cases import Case, Contender, Rounds, Target
from tests.bench.ground import CURSOR, Ground, Sizes
from tests.bench.measure import Sample

_PLAIN: Final = "a cursor outside of the records"
_START: Final = "one small page"
_ADVERSARIES: Final = Path(__file__).with_name("adversarial.py")
_LAST_ID: Final = '{type: cursor, cursor_path: "data[-1].id", cursor_param: c, maximum_pages: 1}'
_FIRST_X: Final = '{type: cursor, cursor_path: "data[0].x", cursor_param: c}'
_KEYSET: Final = (
    '{{type: keyset, cursor_path: "data[*].id", take: {}, cursor_param: c, maximum_pages: 1}}'
)


def _since(path: str) -> str:
    return f'incremental: {{cursor_path: "{path}", param: since, initial_value: "2020-01-01"}}'


_FILTER: Final = """{type: cursor, cursor_path: "data[?@.rel=='next'].href", cursor_param: c}"""
_SORT: Final = '{type: cursor, cursor_path: "data[-1].sort", cursor_body_path: c, maximum_pages: 1}'
_RULE: Final = 'response_actions: [{when: {path: "data[*].error", exists: true}, action: fail}]'


@dataclass(frozen=True, slots=True)
class _Variant:
    """A harvest of a page with other fields, or of another page."""

    name: str
    at_least: float  # of the plain cursor's rate
    paginator: str = CURSOR
    more: str = ""
    selector: str = "data"
    kind: str = "large"
    per_record: int = 1  # how many records the selector finds in each


_VARIANTS: Final = (
    _Variant("incremental, data[*].created_at", 0.7, more=_since("data[*].created_at")),
    _Variant("keyset, data[*].id, last", 0.7, _KEYSET.format("last")),
    _Variant("keyset, data[*].id, max", 0.7, _KEYSET.format("max")),
    _Variant("data[-1].id", 0.7, _LAST_ID),
    _Variant("data[0].x", 0.7, _FIRST_X),
    _Variant("records at data[*].edit_history_tweet_ids", 0.7,
             selector="data[*].edit_history_tweet_ids"),
    _Variant("a rule on data[*].error", 0.6, more=_RULE),
    _Variant("records of 80 levels", 0.5, kind="deep"),
    _Variant("GeoJSON", 0.5, selector="features", kind="geojson"),
    _Variant("zones mixed, incremental", 0.5, more=_since("data[*].updated_at"), kind="issues"),
    _Variant("epochs, incremental", 0.5, more=_since("data[*].seen"), kind="issues"),
    _Variant("epochs of two units, incremental", 0.5, more=_since("data[*].seen_ms"),
             kind="issues"),
    _Variant("objects that may be null, incremental", 0.5, more=_since("data[*].user.id"),
             kind="issues"),
    _Variant("records at data[*].labels[*]", 0.5, selector="data[*].labels[*]", kind="issues",
             per_record=2),
    _Variant("data[-1].sort, an array", 0.7, _SORT, more="method: POST", kind="issues"),
    _Variant("incremental, keyset and a rule at once", 0.5, _KEYSET.format("max"),
             more=f"{_since('data[*].updated_at')}\n    {_RULE}", kind="issues"),
    _Variant("pretty-printed, keyset", 0.5, _KEYSET.format("max"), kind="pretty"),
    _Variant("records of 100 bytes, incremental", 0.5, more=_since("data[*].at"), kind="small"),
    _Variant("records of 100 KB, incremental", 0.7, more=_since("data[*].updated_at"), kind="huge"),
    _Variant("records of 40 bytes, keyset", 0.5, _KEYSET.format("max"), kind="tiny"),
    _Variant("texts full of escapes, incremental", 0.5, more=_since("data[*].at"), kind="escapes"),
    _Variant("nothing but numbers, keyset", 0.5, _KEYSET.format("max"), kind="numbers"),
    _Variant("other scripts than Latin, incremental", 0.5, more=_since("data[*].at"),
             kind="scripts"),
    _Variant("a filter that nothing matches", 0.5, _FILTER),
)  # fmt: skip


def b10(ground: Ground) -> Case:
    """B10: fields within records, and records of other shapes."""
    size = ground.sizes.middle_bytes
    plain = {each.kind: _plain(each.kind) for each in _VARIANTS}
    contenders = [
        Contender(_START, _harvest(ground, _Variant(_START, 0), 1_000)),
        *(
            Contender(each.name, _harvest(ground, each, size))
            for each in (*plain.values(), *_VARIANTS)
        ),
    ]
    return Case(
        f"one page of {size / 1e6:g} MB, with fields within its records",
        contenders,
        [
            Target(
                f"{each.name}: ≥ {each.at_least:g} of the plain cursor's rate",
                _rate(each.name, plain[each.kind].name), each.at_least, at_least=True,
                unit=" of it",
            )
            for each in _VARIANTS
        ],
    )  # fmt: skip


def _plain(kind: str) -> _Variant:
    """The harvest of records of a kind that no field looks into."""
    selector = "features" if kind == "geojson" else "data"
    return _Variant(f"{_PLAIN}, {kind}", 0, selector=selector, kind=kind)


def _harvest(ground: Ground, variant: _Variant, size: int) -> Callable[[], Sample]:
    """The harvest of one page; `bytes` is how large it is."""
    if variant.kind == "large":
        facts = ground.facts(size=size)
        records, sent = facts["large_records"], facts["large_bytes"]
    else:
        facts = ground.ask(f"shaped/{variant.kind}/{size}/facts")
        records, sent = facts["records"], facts["bytes"]
    kind = variant.kind if variant.kind == "large" else f"shaped/{variant.kind}"
    made = ground.config(f"{kind}/{size}/gzip", paginator=variant.paginator, more=variant.more)
    text = made.read_text().replace("data_selector: data", f'data_selector: "{variant.selector}"')
    path = ground.folder / f"{len(list(ground.folder.iterdir()))}.yaml"
    path.write_text(text)

    def run() -> Sample:
        sample = ground.harvest(path, pages=1, records=records * variant.per_record)
        return replace(sample, extra={"bytes": sent})

    return run


def _rate(name: str, usual_name: str) -> Callable[[Rounds], float | None]:
    """Its bytes for each second of CPU, of the plain cursor's; the median of the rounds."""

    def value(rounds: Rounds) -> float | None:
        all_of_them = (rounds[_START], rounds[usual_name], rounds[name])
        ratios = []
        for at in set.intersection(*(set(each) for each in all_of_them)):
            start, plain, other = (each[at] for each in all_of_them)
            usual = (plain.cpu_s - start.cpu_s) / plain.extra["bytes"]
            here = (other.cpu_s - start.cpu_s) / other.extra["bytes"]
            if here > 0:
                ratios.append(usual / here)
        return statistics.median(ratios) if ratios else None

    return value


def b11(ground: Ground) -> Case:
    """B11: pages made to be slow, and twice as large."""
    size = 1_000_000 if ground.sizes == Sizes() else 20_000

    def grown() -> Sample:
        line = [ground.python, str(_ADVERSARIES), "--worst", str(size)]
        sample = ground.run(*line, keep_stdout=True)
        return replace(sample, extra=json.loads(sample.stdout))

    name = "all of tests/bench/adversarial.py"
    return Case(
        f"pages made to be slow, of {size / 1e6:g} MB and of twice that",
        [Contender(name, grown, rounds=1)],
        [
            Target(
                "the worst takes ≤ 2.3 × as long when it is twice as large",
                cases.median(name, lambda sample: sample.extra["growth"]), 2.3,
            ),
            Target(
                "the slowest is read at ≥ 0.5 MB/s",
                cases.median(name, lambda sample: sample.extra["mb_per_s"]), 0.5,
                at_least=True, unit=" MB/s",
            ),
        ],
    )  # fmt: skip


CASES: Final = {"B10": b10, "B11": b11}
