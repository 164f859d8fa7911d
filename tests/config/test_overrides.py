"""`--set`: where a KEY leads, and what is said of one that leads nowhere."""

import pytest

from harvester.config.overrides import override
from harvester.config.wording import KeyPath
from harvester.config.yamlfile import read

TEXT = "a: {b: 1, c: text}\nitems:\n  - {name: one, n: 1}\n  - {name: 'two.2', n: 2}\n"


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("a.b=2", ("a", "b"), 2),
        ("a.b='2'", ("a", "b"), "2"),
        ("a.b=", ("a", "b"), None),
        ("a.b=x=y", ("a", "b"), "x=y"),
        ("a.b={query}", ("a", "b"), "{query}"),
        ("a.b={x: [1]}", ("a", "b"), {"x": [1]}),
        ("new.deep.key=true", ("new", "deep", "key"), True),
        ("items.one.new.key=1", ("items", 0, "new", "key"), 1),
        ("items[0].n=9", ("items", 0, "n"), 9),
        ("items.1.n=9", ("items", 1, "n"), 9),
        ("items[-1].n=9", ("items", 1, "n"), 9),
        ("items.one.n=9", ("items", 0, "n"), 9),
        ("items['two.2'].n=9", ("items", 1, "n"), 9),
        ("a['odd.key']=9", ("a", "odd.key"), 9),
    ],
)
def test_set_puts_a_value(assignment: str, path: KeyPath, value: object) -> None:
    """A KEY leads by keys, indexes or names of items; the place is the option itself."""
    document = read(TEXT, "f")
    override(document, assignment)
    assert not document.problems
    tree = document.tree
    for key in path:
        tree = tree[key]
    assert tree == value
    assert document.place(path).source == f"--set {assignment.partition('=')[0]}"
    assert document.place(path).line == 0


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("a.b", "--set a.b: expected KEY=VALUE, as in --set concurrency.partitions=8"),
        ("=1", "--set : not a key: an empty path; the whole page is '$' (character 1 of '')"),
        ("$=1", "--set $: a KEY names one value, as in client.timeout.read"),
        ("a[*]=1", "--set a[*]: a KEY names one value, as in client.timeout.read"),
        ("a.c.d=1", "--set a.c.d: a.c is text, no mapping or list"),
        ("new[0]=1", "--set new[0]: new is nothing, no mapping or list"),
        ("a[0]=1", "--set a[0]: a is a mapping, no list"),
        ("items.on.n=1", "--set items.on.n: unknown item 'on': did you mean 'one'?"),
        ("items.zzz=1", "--set items.zzz: unknown item 'zzz' (known: one, two.2)"),
        ("items[5].n=1", "--set items[5].n: there is no item 5: the list has 2"),
        ("a.b=*", "--set a.b: not valid YAML: text that begins with '*' needs quotes"),
        ("a.b=[1", "--set a.b: not valid YAML: a bracket or brace that is never closed"),
    ],
)
def test_a_set_that_cannot_be_applied_is_a_problem(assignment: str, said: str) -> None:
    """The tree stays as it was, and the message names the option without its value."""
    document = read(TEXT, "f")
    override(document, assignment)
    assert document.tree == read(TEXT, "f").tree
    assert [str(problem) for problem in document.problems] == [said]
