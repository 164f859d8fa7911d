"""Begins a worker process of Dask until it stands, also where it is killed while it begins."""

from typing import Final

from distributed import Nanny
from distributed.core import Status

_MOST: Final = 20


class PatientNanny(Nanny):
    """Dask's own begins a worker again that dies later, and gives up one that dies before."""

    async def instantiate(self) -> Status:
        """Begin the process, and wait until it has a scheduler."""
        status = Status.stopped
        for _ in range(_MOST):
            status = await super().instantiate()
            if status != Status.stopped or self.status not in (Status.init, Status.starting):
                break
        return status
