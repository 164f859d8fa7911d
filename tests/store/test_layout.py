"""Folders of partitions on a file system that folds case and drops dots at the end of a name."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from harvester.model.partitions import Values, partitions_of
from harvester.store.entries import Header
from harvester.store.layout import folder_among

NOW = datetime(2021, 1, 1, tzinfo=UTC)
#: One sign that may be encoded or not is needed to tell a value that comes later from one before.
TEXTS = st.from_regex(r"[aAbZ1-][aAbZ.1é -]{0,4}", fullmatch=True)
VALUES = st.lists(TEXTS, min_size=1, max_size=8, unique=True)


def as_found(folder: str) -> str:
    """The folder that such a system opens by this name."""
    return "/".join(level.casefold().rstrip(". ") for level in folder.split("/"))


@given(VALUES, VALUES, st.booleans())
def test_no_two_partitions_share_a_folder(before: list[str], later: list[str], both: bool) -> None:
    """Whichever values are there first, and whichever are added; and each is found again."""
    disk: dict[str, Header] = {}

    def place(folder: str) -> Header | None:
        return disk.get(as_found(folder))

    for values in (before, [*before, *later]):
        first = {"q": Values(tuple(dict.fromkeys(values)))}
        for partition in partitions_of("r", {"k": Values(("x",)), **first} if both else first, NOW):
            folder = folder_among(partition, place, lambda _: None)
            header = Header("r", partition.labels, "fingerprint", "1", "2021-01-01T00:00:00Z")
            assert disk.setdefault(as_found(folder), header).partition == partition.labels, folder
            assert as_found(folder_among(partition, place, lambda _: None)) == as_found(folder)
