"""Begins a worker process of Dask until it stands, also where it is killed while it begins."""

import contextlib
from typing import Final, Literal

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

    async def close(self, timeout: float = 5, reason: str = "nanny-close") -> Literal["OK"]:  # type: ignore[override]  # as Dask has it
        """End the worker at once: when its cluster ends, the run has ended, and there is nothing
        that it has to finish. Asked to, it takes seconds on a busy machine, and longer than Dask
        waits for it where there are many.
        """
        running = self.process.process if self.process is not None else None
        if running is not None and self.status not in (Status.closing, Status.closed):
            with contextlib.suppress(ValueError):  # it is gone already
                await running.kill()
        return await super().close(timeout=timeout, reason=reason)
