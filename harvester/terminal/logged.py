"""Shows a logger of the library on stderr, each line as it may stand on a terminal."""

import logging
import time

from harvester.terminal.rendering import say


class _Lines(logging.Handler):
    """Writes each record under its time."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one; what cannot be written is left out."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
        say("\n".join(f"{stamp} {line}" for line in record.getMessage().split("\n")))


def show_log(name: str) -> None:
    """Write what the logger `name` tells from now on to stderr; a second call changes nothing."""
    logger = logging.getLogger(name)
    if not any(isinstance(handler, _Lines) for handler in logger.handlers):
        logger.addHandler(_Lines())
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
