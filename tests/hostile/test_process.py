"""Attacks on `lobby serve` as a process: it runs out of files, or is to run out of memory. Other players notice nothing."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

import pytest

from tests.hostile.attacks import connection, half_open
from tests.hostile.processes import served
from tests.hostile.rfc6455 import Request
from tests.hosts import joined

linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc is that of Linux")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
async def test_with_64_files_it_writes_few_lines_and_players_receive_moves_and_new_ones_enter_afterwards(
    tmp_path: Path,
) -> None:
    async with (
        served(tmp_path, descriptors=64) as lobby,
        joined(lobby.at(pid="ann", v=2)) as ann,
        joined(lobby.at(pid="bea", v=2)) as bea,
    ):
        await ann.receive("welcome")
        n = (await bea.receive("welcome"))["n"]
        busy_s = lobby.core_seconds() if sys.platform == "linux" else 0.0
        async with contextlib.AsyncExitStack() as more:
            for i in range(60):
                _, writer = await more.enter_async_context(connection(lobby.port))
                writer.write(Request().encoded(f"/?pid=other{i}&room=other&v=2", f"127.0.0.1:{lobby.port}"))
            await more.enter_async_context(half_open(lobby.port, 60))
            for seq in range(1, 11):
                await bea.send(action="pos", x=seq, y=0, vx=0, vy=0, h=0, seq=seq, t=seq)
                assert [(move[0], move[6]) for move in (await ann.receive("moves"))["m"]] == [(n, seq)]
                await asyncio.sleep(0.2)
            log, was_alive = lobby.log, lobby.process.returncode is None
            busy_s = lobby.core_seconds() - busy_s if sys.platform == "linux" else 0.0
        async with joined(lobby.at(pid="cid", v=2), open_timeout=10) as cid:
            await cid.receive("welcome")
            assert (await ann.receive("join"))["id"] == "cid"
    assert was_alive
    assert log.count("no_descriptors") == 1, log
    assert log.count("joined") < 64 - 16, "so it was not out of files"
    assert busy_s < 1, "it was busy while it could not accept"
    others = [line for line in lobby.log.splitlines() if '"joined"' not in line and '"left"' not in line]
    assert len(others) < 10, others
