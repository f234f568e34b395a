"""Several invocations at once, step by step, in an order that somebody else decides.

Each invocation runs in a thread of its own, and only one runs at a time: before every call of a store or a gateway it stops and
waits to be chosen. So an order of choices is a history that can be played again; any invocation can crash at any step.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class Crash(BaseException):
    """The end of an invocation in the middle of what it was doing."""


class Steps:
    """One piece of work, played step by step."""

    def __init__(self, name: str, work: Callable[[Steps], None], started_ms: int) -> None:
        self.name = name
        self.started_ms = self.ready_ms = started_ms
        """When it began, and from when on it can go on (it sleeps until then)."""
        self.done = False
        self.next_call = ""
        """What it will do when it is chosen."""
        self.failed: BaseException | None = None
        """What it raised; a :class:`Crash` where it was made to."""
        self._go, self._stopped, self._crash = threading.Semaphore(0), threading.Semaphore(0), False
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()
        self._stopped.acquire()

    def _run(self, work: Callable[[Steps], None]) -> None:
        try:
            self.pause()
            work(self)
        except BaseException as error:
            self.failed = error
        self.done = True
        self._stopped.release()

    def pause(self, next_call: str = "") -> None:
        """Called by the work: stops until it is chosen again."""
        self.next_call = next_call
        self._stopped.release()
        self._go.acquire()
        if self._crash:
            raise Crash

    def step(self, *, crash: bool = False) -> None:
        """Plays it to its next call, or makes it crash where it stands."""
        assert not self.done
        self._crash = crash
        self._go.release()
        self._stopped.acquire()


class Stepwise:
    """Any store, before each of whose calls its caller stops. ``fails(when)`` may raise, before the call or after it."""

    def __init__(self, target: Any, steps: Steps, fails: Callable[[str], None] = lambda when: None) -> None:
        self._target, self._steps, self._fails = target, steps, fails

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._target, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self._steps.pause(name)
            self._fails("before")
            answer = method(*args, **kwargs)
            self._fails("after")
            return answer

        return call
