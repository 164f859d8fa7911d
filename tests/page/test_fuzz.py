"""A moment of each fuzzing target, and every input that a longer run has found something with."""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.config.load import parse_config
from harvester.errors import ConfigError
from tests.examples import examples
from tests.fuzz_targets import TARGETS
from tests.mutations import mutated

#: How many inputs each target is given: those that touch the disk or a socket take longer.
EXAMPLES = {"journal": 250, "folder": 250, "wire": 200, "config": 250, "overrides": 250}

#: What was found, and in which of the targets.
FOUND = [
    # Python's \s holds U+001F, float() does not take it.
    ("headers", b"12\x1f"),
    # The parser takes form feed and vertical tab for white space.
    ("fields", b'\5\7{"a":\x0c6}'),
    ("fields", b"\x80\1[1,\x0b2]"),
    # An exponent that no decimal has; its verdict had no words.
    ("fields", b"\0\1991e9999999999999999999"),
    # Right checksums over what is no page's line, or no JSON at all.
    ("journal", b'\1"us"\n'),
    ("journal", b"\1[]\n{}\n"),
    ("journal", b"\1[[[[\n"),
    ("journal", b"\1\xff\n"),
    ("journal", b"\1" + b"[" * 5000 + b"\n"),
    ("journal", b'\1{"format":1}\n'),
]


def quickly(name: str, data: bytes) -> None:
    """Run a target; a few kilobytes are no work for seconds."""
    began = time.process_time()
    TARGETS[name].run(data)
    assert time.process_time() - began < 3


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_hold(name: str) -> None:
    """What mutation begins with is sound."""
    for seed in (b"", *TARGETS[name].seeds):
        TARGETS[name].run(seed)


@pytest.mark.parametrize(("name", "data"), FOUND)
def test_what_was_found_holds_now(name: str, data: bytes) -> None:
    """Inputs that once ended in a traceback."""
    TARGETS[name].run(data)


@pytest.mark.parametrize("name", TARGETS)
def test_mutated_seeds_hold(name: str) -> None:
    """Seeds changed a little, as disks, proxies and people change them."""
    target = TARGETS[name]

    @given(st.integers(0, 2**32))
    @examples(EXAMPLES.get(name, 500))  # `quickly` counts its own time
    def one(seed: int) -> None:
        rng = random.Random(seed)
        quickly(name, mutated(rng.choice(target.seeds), rng))

    one()


@pytest.mark.parametrize("name", ["body", "fields", "elements", "paths", "templates", "headers"])
def test_any_bytes_hold(name: str) -> None:
    """Bytes that nobody has thought of."""

    @given(st.binary(max_size=200))
    @examples(300)
    def one(data: bytes) -> None:
        quickly(name, data)

    one()


#: Files made to take a reader's time or memory, and what is said of each.
HOSTILE = [
    # "a billion laughs": nine lists of nine aliases each
    ("a: &a [x]\n" + "".join(f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in
                             zip("abcdefghij", "bcdefghijk", strict=True)), "too many values"),
    ("a: &a [*a]\n", "nested too deeply"),
    ("[" * 100_000, "nested too deeply"),
    ("{a: " * 5_000, "nested too deeply"),
    ("a: " * 5_000, "': '"),
    ("- " * 20_000 + "x", "nested too deeply"),
    ("version: " + "9" * 100_000, "at most 400 characters"),
    ("version: 1e400", "no number that JSON can hold"),
    ("version: 1\nname: \0", "U+0000"),
    ("version: 1\nname: \ud800", "cannot stand in YAML"),
    ("version: !!python/object/apply:os.system [id]", "tag"),
    ("version: !!binary aGk=", "tag"),
    ("version: 1\nversion: 1", "stands twice"),
    ("<<: {a: 1}\nversion: 1", "merge keys"),
    ("? [a]\n: b", "a key is text"),
    ("--- 1\n--- 2", "second document"),
    ("%YAML 9.9\n--- a", "YAML"),
    ("name: " + "x" * 4_000_000, "version"),
]  # fmt: skip


@pytest.mark.slow("CPU time")
@pytest.mark.parametrize(("text", "told"), HOSTILE, ids=[text[:12] for text, _ in HOSTILE])
def test_hostile_files_are_told_of_at_once(text: str, told: str) -> None:
    """Problems with file and line, in bounded time, whatever the file holds."""
    began = time.process_time()
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "hostile.yaml", env={})
    assert time.process_time() - began < 5
    assert told in str(caught.value)
    assert all(problem.file == "hostile.yaml" for problem in caught.value.problems)
    assert all(problem.line >= 1 for problem in caught.value.problems)
