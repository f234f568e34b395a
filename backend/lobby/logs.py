"""Log lines of libraries: one line each, and not more than one of a kind in ten seconds."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

PAUSE_S = 10.0
"""The shortest time between two lines of the same kind."""

KINDS = 100
"""How many kinds are remembered. A client may cause any number of them."""

LIBRARIES = ("aiohttp.server", "aiohttp.web", "aiohttp.websocket", "aiofastnet", "asyncio", "uvicorn.error")


class Bounded(logging.Filter):
    """Passes the first record of a kind, and drops others of this kind for :data:`PAUSE_S`.

    A kind is the place in the code and the type of the exception. A stack trace becomes the name and text of its exception:
    these libraries report with a stack trace what a client or the network has done.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._passed: dict[tuple[str, int, type[BaseException] | None], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record passes. It is one line afterwards."""
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        kind, now = (record.pathname, record.lineno, type(error) if error else None), self._clock()
        if now - self._passed.get(kind, -PAUSE_S) < PAUSE_S:
            return False
        if len(self._passed) >= KINDS:
            self._passed.clear()
        self._passed[kind] = now
        first = (record.getMessage().splitlines() or [""])[0]
        about = " ".join(str(error).split())[:200] if error else ""
        record.msg = f"{first} ({type(error).__name__}: {about})" if error else first
        record.args, record.exc_info, record.exc_text, record.stack_info = (), None, None, None
        return True


def bounded_logger(name: str) -> logging.Logger:
    """The logger of this name, bounded. A second call changes nothing."""
    logger = logging.getLogger(name)
    if not any(isinstance(one, Bounded) for one in logger.filters):
        logger.addFilter(Bounded())
    return logger


def bound_libraries() -> None:
    """Bounds the log lines of the libraries in this process. For a program, which owns its loggers."""
    for name in LIBRARIES:
        bounded_logger(name)
    logging.getLogger("aiohttp.websocket").setLevel(logging.ERROR)  # it warns of subprotocols that handlers select
