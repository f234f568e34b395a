"""The program inside a process environment: imports a handler and calls it with one event after the other. Started by
``environments``.

It imports only Python's standard library and nothing of this package, so the handler finds only its own packages here.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
import traceback
from types import SimpleNamespace
from typing import Any

ANSWER_BYTES = 6_291_556
"""The largest answer of a function."""


def main() -> None:
    """Reads requests from standard input and writes answers to standard output, one a line. Output of the handler goes to the
    log."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the gateway, which ends this process
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    began, handler, broken = time.perf_counter(), None, ""
    module, _, function = sys.argv[1].rpartition(".")
    try:
        handler = getattr(importlib.import_module(module), function)
    except Exception as error:
        traceback.print_exc()
        broken = f"Unable to import module '{module}': {error}"
    answer: dict[str, Any] = {"init_ms": (time.perf_counter() - began) * 1000}
    while True:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
        line = sys.stdin.readline()
        if not line:
            return
        answer = run(handler, broken, json.loads(line))


def run(handler: Any, broken: str, request: dict[str, Any]) -> dict[str, Any]:
    """Handles one event. Returns the result, as a text of JSON, or the error; and the times in ms."""
    deadline = time.monotonic() + request["remaining_ms"] / 1000
    context = SimpleNamespace(
        **request["context"],
        get_remaining_time_in_millis=lambda: max(0, int((deadline - time.monotonic()) * 1000)),
    )
    began, cpu = time.perf_counter(), time.process_time()
    answer: dict[str, Any] = {}
    try:
        if broken:
            raise ImportError(broken)
        result = json.dumps(handler(json.loads(request["event"]), context))
        if len(result) > ANSWER_BYTES:
            raise ValueError(f"the answer has more than {ANSWER_BYTES} bytes")
        answer["result"] = result
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        answer["error"] = str(error)
    return {**answer, "ms": (time.perf_counter() - began) * 1000, "cpu_ms": (time.process_time() - cpu) * 1000}


if __name__ == "__main__":
    main()
