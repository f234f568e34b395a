"""Runs several invocations at the same time, step by step, in an order that a test decides.

Each invocation runs in a thread of its own, and only one runs at a time: before every call of a store or a gateway it stops and
waits to be chosen. So an order of choices is a history that can be repeated, and any invocation can crash at any step.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class Crash(BaseException):
    """Ends an invocation in the middle of its work."""


class Steps:
    """One piece of work, run step by step."""

    def __init__(self, name: str, work: Callable[[Steps], None], started_ms: int) -> None:
        self.name = name
        self.started_ms = self.ready_ms = started_ms
        """When the work began, and when it can continue (it sleeps until then)."""
        self.done = False
        self.next_call = ""
        """The call that it makes when it is chosen next."""
        self.failed: BaseException | None = None
        """The exception that it raised; a :class:`Crash` if the test made it crash."""
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
        """Called by the work. Stops it until it is chosen again."""
        self.next_call = next_call
        self._stopped.release()
        self._go.acquire()
        if self._crash:
            raise Crash

    def step(self, *, crash: bool = False) -> None:
        """Runs the work to its next call, or makes it crash before the current call."""
        assert not self.done
        self._crash = crash
        self._go.release()
        self._stopped.acquire()


class Stepwise:
    """Wraps a store: the caller stops before each call. ``fails(when)`` may raise, before the call or after it."""

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
