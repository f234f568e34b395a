"""`lobby serve` in a process of its own, for attacks on what one process has: its files, its memory, its log."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from pathlib import Path

from tests.hosts import Running

START_S = 20.0
STOP_S = 10.0


class Served(Running):
    """A lobby in another process. ``log`` is all that it has written so far."""

    def __init__(self, process: Process, port: int, written: Path) -> None:
        self.process, self.port, self._written = process, port, written
        self.url = f"ws://127.0.0.1:{port}/"

    @property
    def log(self) -> str:
        return self._written.read_text(encoding="utf-8")

    def megabytes(self) -> float:
        """The memory that the process has now, as Linux reports it."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024  # type: ignore[index]

    def core_seconds(self) -> float:
        """The time of a processor that the process has used, as Linux reports it in hundredths of a second."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100


@contextlib.asynccontextmanager
async def served(folder: Path, *words: str, descriptors: int | None = None) -> AsyncIterator[Served]:
    """A lobby with the options ``words``, in the empty ``folder``. It may not open more than so many files and sockets."""
    command = [sys.executable, "-m", "lobby", "serve", "--port", "0", *words]
    if descriptors is not None:
        command = ["/bin/sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh", *command]
    written = folder / "log"
    with written.open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, cwd=folder, stdin=DEVNULL, stdout=log, stderr=log)
    try:
        async with asyncio.timeout(START_S):
            while not (found := re.search(r"ws://127\.0\.0\.1:(\d+)", written.read_text(encoding="utf-8"))):
                assert process.returncode is None, written.read_text(encoding="utf-8")
                await asyncio.sleep(0.02)
        yield Served(process, int(found[1]), written)
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()
