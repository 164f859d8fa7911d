"""The sample of the smallest hashes: exact while it can be, near afterwards, and made anew."""

from random import Random

import pytest

from harvester.page.sketch import ALL, Sketch, packed, unpacked


def hashes(seed: int, different: int, extra: int) -> list[int]:
    """So many different hashes, and some of them once more, in no order."""
    random = Random(seed)
    found = [random.randrange(ALL) for _ in range(different)]
    found += random.choices(found, k=extra)
    random.shuffle(found)
    return found


def sampled(found: list[int], size: int = 64) -> Sketch:
    """A sketch of them, told one by one."""
    sketch = Sketch(size)
    for each in found:
        sketch.add([each] if each < sketch.below else [], 1)
    return sketch


def test_few_are_counted_exactly() -> None:
    """Up to the size of the sample."""
    sketch = sampled(hashes(1, 64, 30))
    assert (sketch.is_exact, sketch.different, sketch.repeated) == (True, 64, 30)
    assert sampled([]).different == 0


@pytest.mark.parametrize(("different", "extra"), [(10_000, 0), (10_000, 5_000), (3_000, 9_000)])
def test_many_are_estimated(different: int, extra: int) -> None:
    """Without a repetition exactly; else within a few hundredths."""
    sketch = sampled(hashes(2, different, extra), 1024)
    assert not sketch.is_exact
    assert sketch.different == pytest.approx(different, rel=0.05 if extra else 0)


def test_parts_add_up() -> None:
    """The samples of pages, one after the other, make the sample of all; as the journal does it."""
    found = hashes(3, 2_000, 700)
    whole, pages, lines = sampled(found), Sketch(64), []
    for at in range(0, len(found), 90):
        page = sampled(found[at : at + 90])
        few = [each for each in page.sample() if each < pages.below]
        lines.append((packed(few), page.count))
        pages.add(few, page.count)
    again = Sketch(64)
    for text, count in lines:
        again.add(unpacked(text), count)
    assert whole.sample() == pages.sample() == again.sample()
    assert whole.different == pages.different == again.different
    assert sum(len(text) for text, _ in lines) < 6 * 64 * 11


def test_what_is_no_text_of_hashes() -> None:
    """Any other text is refused."""
    assert unpacked(packed([0, 1, ALL - 1])) == [0, 1, ALL - 1]
    for text in ("AAAA", "no Base64!", "AAAAAAAAAAA"):
        with pytest.raises(ValueError):  # noqa: PT011  # of two modules, in their own words
            unpacked(text)
