"""Asks for partitions ahead of their turns, in the order of a plan.

A store that is far away answers many such questions at a time, so that thousands of finished
partitions take seconds.
"""

from collections import deque
from collections.abc import Callable

from harvester.errors import DataRefused
from harvester.model import Partition
from harvester.store.contract import Store, Survey
from harvester.store.readers import folder_of
from harvester.values import dataclass


@dataclass(frozen=True, slots=True)
class _Asked:
    partition: Partition
    folder: str | DataRefused
    is_there: bool


class ReadAhead:
    """Gives partitions in the order of `give`, each with its folder, and has asked `survey` for
    those behind it. No further than to one of which nothing is there: what comes behind that may
    depend on what comes of it.
    """

    def __init__(
        self,
        store: Store,
        survey: Survey,
        give: Callable[[], Partition | None],
        parts: Callable[[Partition], bool] = lambda partition: False,
    ) -> None:
        """`parts`: whose pages are read, too, before the next partition is asked for."""
        self._store, self._survey, self._give, self._parts = store, survey, give, parts
        self._asked: deque[_Asked] = deque()
        self.at: Partition | None = None  # that was given last, or whose folder was refused
        self.is_new = False  # whether nothing is known to be there of that

    def next(self) -> tuple[Partition, str] | None:
        """The next partition and its folder; None where there is none for now.

        Raises `DataRefused`, in its turn, where the way to its folder leads out of the store.
        """
        asked = self._asked
        while not asked or (len(asked) <= self._survey.ahead and asked[-1].is_there):
            partition = self._give()
            if partition is None:
                break
            asked.append(self._ask(partition))
        if not asked:
            return None
        first = asked.popleft()
        self.at, self.is_new = first.partition, not first.is_there
        if isinstance(first.folder, DataRefused):
            raise first.folder
        return first.partition, first.folder

    def _ask(self, partition: Partition) -> _Asked:
        try:
            folder = folder_of(self._store, partition)
        except DataRefused as error:
            return _Asked(partition, error, is_there=False)
        return _Asked(partition, folder, self._survey.ask(folder, parts=self._parts(partition)))
