"""What a call to AWS costs a function: with boto3, with our client, and with other libraries.

    python bench/aws_clients.py                     boto3 and ours
    python bench/aws_clients.py --all               and the other candidates

All calls use TLS, as on AWS, and connections that stay open. Each figure is from a fresh process (``bench/aws_candidates.py``)
that has one core; the servers, one that answers at once and one that takes 15 ms, have the other core. The candidates take
turns. The tables show the medians of all rounds.
"""

import argparse
import asyncio
import json
import os
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any, cast

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

CANDIDATES = Path(__file__).with_name("aws_candidates.py")
BOTO3, OTHERS = ("boto3, 16 threads", "boto3, 32 threads"), ("http.client, 32 threads", "asyncio protocol", "asyncio streams")
COUNTS = (49, 199)
DELAYS_MS = (0, 15)
CORES = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
ANSWER = (
    b"HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 10:00:00 GMT\r\nContent-Type: application/x-amz-json-1.0\r\n"
    b"x-amzn-RequestId: 0f1ca1b5-9f0e-4d2c-8d37-ff2e3ad3c7a1\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}"
)


class Answering(asyncio.Protocol):
    """Answers every request with ``{}``, after ``delay_s``."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s, self._received = delay_s, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        """Answers when a request is complete. No client here sends the next request before the answer."""
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end or len(body) < int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0):
            return
        self._received = b""
        if self._delay_s:
            asyncio.get_running_loop().call_later(self._delay_s, self._transport.write, ANSWER)
        else:
            self._transport.write(ANSWER)


def serve(folder: Path) -> None:
    """One server for each delay; prints their ports."""
    import uvloop

    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(folder / "cert.pem", folder / "key.pem")

    async def forever() -> None:
        for delay_ms in DELAYS_MS:
            make = partial(Answering, delay_ms / 1000)
            server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0, ssl=tls, backlog=512)
            print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Event().wait()

    uvloop.run(forever())


@contextmanager
def servers(folder: Path) -> Iterator[list[int]]:
    """The ports of the servers, which run in a process of their own."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem",
         "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    # Trusted beside the certificates of the system: reading those takes time, as on AWS.
    system = Path(ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt")
    trusted = [path.read_text() for path in (system, folder / "cert.pem") if path.exists()]
    (folder / "trusted.pem").write_text("".join(trusted))
    child = subprocess.Popen(
        [sys.executable, __file__, "--serve", folder], stdout=subprocess.PIPE, text=True, preexec_fn=_pin(0)
    )
    assert child.stdout is not None
    try:
        yield [int(child.stdout.readline()) for _ in DELAYS_MS]
    finally:
        child.terminate()
        child.wait()
        child.stdout.close()


def _pin(core: int) -> Callable[[], None] | None:
    return (lambda: os.sched_setaffinity(0, {CORES[core]})) if len(CORES) > 1 else None


def measured(name: str, port: int, folder: Path, count: int, turns: int) -> dict[str, float]:
    """The figures of one candidate in a fresh process, which finds its bytecode as it would find boto3's on AWS."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
    environment |= {"PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    environment |= {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "T" * 800}
    environment |= {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
    environment |= {"SSL_CERT_FILE": str(folder / "trusted.pem"), "AWS_CA_BUNDLE": str(folder / "trusted.pem")}
    endpoint = f"https://127.0.0.1:{port}"
    command = [sys.executable, str(CANDIDATES), name, f"{endpoint}/prod", endpoint, str(count), str(turns)]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, preexec_fn=_pin(-1))
    found: dict[str, float] = json.loads(done.stdout)
    return found


def compare(names: list[str], rounds: int, turns: int, console: Console) -> list[dict[str, Any]]:
    """One row a candidate: medians of all rounds."""
    found: dict[tuple[str, int, int], list[dict[str, float]]] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with (
        tempfile.TemporaryDirectory() as temporary,
        servers(folder := Path(temporary)) as ports,
        Progress(*columns, console=console, transient=True) as progress,
    ):
        sizes = list(product(zip(ports, DELAYS_MS, strict=True), COUNTS))
        task = progress.add_task("", total=(rounds + 1) * len(sizes) * len(names))
        for turn, ((port, delay_ms), count), name in product(range(rounds + 1), sizes, names):
            progress.update(task, description=name)
            one = measured(name, port, folder, count, turns)
            if turn:  # the first one compiled
                found.setdefault((name, count, delay_ms), []).append(one)
            progress.advance(task)
    return [_row(name, {key[1:]: figures for key, figures in found.items() if key[0] == name}) for name in names]


def _row(name: str, found: dict[tuple[int, int], list[dict[str, float]]]) -> dict[str, Any]:
    """What does not depend on how many are posted to comes from all processes, so long as the server answers at once."""
    quick = [one for (_, delay_ms), figures in found.items() if not delay_ms for one in figures]
    keys = {"cold_ms": 0, "cold_cpu_ms": 0, "cold_mb": 0, "call_cpu_ms": 2, "call_ms": 2}
    row: dict[str, Any] = {"client": name} | {key: round(median(one[key] for one in quick), keys[key]) for key in keys}
    for (count, delay_ms), figures in found.items():
        for key, digits in (("post_cpu_ms", 2), ("all_ms", 1)):
            row[f"{key}_{count}_{delay_ms}"] = round(median(one[key] for one in figures), digits)
    return row


def cells(row: dict[str, Any]) -> list[str]:
    """A row as it is shown; of two figures, the first is of the server that answers at once."""
    figures = [f"{row['cold_cpu_ms']:.0f}", f"{row['cold_ms']:.0f}", f"{row['cold_mb']:.0f}", f"{row['call_cpu_ms']:.2f}"]
    for count in COUNTS:
        for key, digits in (("post_cpu_ms", 2), ("all_ms", 0)):
            figures.append(" / ".join(f"{row[f'{key}_{count}_{delay_ms}']:.{digits}f}" for delay_ms in DELAYS_MS))
    return [row["client"], *figures]


def shown(rows: list[dict[str, Any]], rounds: int) -> Table:
    """The table."""
    caption = "cold: import, one UpdateItem, one post. a / b: the server answers at once / after 15 ms"
    table = Table(box=SIMPLE, title=f"milliseconds, medians of {rounds} rounds", caption=caption)
    table.add_column("client")
    for heading in ("cold\nCPU", "\ntime", "\nMB", "a call\nCPU"):
        table.add_column(heading, justify="right")
    for count in COUNTS:
        table.add_column(f"{count} posts\nCPU each", justify="right")
        table.add_column("\ntime of all", justify="right")
    for row in rows:
        table.add_row(*cells(row))
    return table


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="also what was looked at and not taken")
    parser.add_argument("--rounds", type=int, default=21, help="in each of which every candidate has its turn (21)")
    parser.add_argument("--turns", type=int, default=7, help="calls, and broadcasts, of each process (7)")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.serve:
        serve(wanted.serve)
        return
    names = [*BOTO3, *(OTHERS if wanted.all else ()), "ours"]
    rows = compare(names, wanted.rounds, wanted.turns, Console(stderr=True))
    Console(width=None if sys.stdout.isatty() else 128, stderr=wanted.json).print(shown(rows, wanted.rounds))
    if wanted.json:
        print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
