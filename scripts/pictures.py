"""Makes the pictures of the README and the docs: python scripts/pictures.py [NAME ...]

A real lobby with bots, photographed in a real browser; the terminal's picture as `lobby watch` draws it; and plots of what
`bench/load.py --json` measured. Everything is written to docs/pictures.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from PIL import Image
from playwright.sync_api import Page, sync_playwright
from rich.console import Console

from lobby.client import LobbyClient
from lobby.tools.watch import Scene, Traffic, picture

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs/pictures"
RESULTS = ROOT / "bench/results"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
INK, GRID = "#5b6b7f", "#d5dbe3"


@contextmanager
def lobby(port: int, bots: int, max_speed: int = 15, *options: str) -> Iterator[str]:
    """A lobby with bots in it."""
    serve = [sys.executable, "-m", "lobby", "serve", "--port", str(port), "--quiet", "--room-size", "300"]
    serve += ["--max-speed", str(max_speed), *options]
    walk = [sys.executable, "-m", "lobby", "bots", "--players", str(bots), "--url", f"ws://127.0.0.1:{port}/"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "backend")}
    running = [subprocess.Popen(serve, env=environment)]
    try:
        for _ in range(100):
            try:
                urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        running.append(subprocess.Popen(walk, env=environment))
        yield f"http://127.0.0.1:{port}/"
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait(10)


def photograph(
    url: str, name: str, size: tuple[int, int], scheme: str, pose: Callable[[Page], None] = lambda page: None
) -> None:
    """The viewer at ``url``, after some seconds of flight."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
        )
        page = browser.new_page(bypass_csp=True, viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)  # type: ignore[arg-type]
        page.goto(url + "?name=You")
        page.wait_for_function("window.lobby && window.lobby.snapshot().players.length > 0")
        page.wait_for_timeout(4_000)
        pose(page)
        shot = Image.open(BytesIO(page.screenshot()))
        shot.save(PICTURES / f"{name}.webp", quality=88, method=6)
        browser.close()


def fly(page: Page) -> None:
    """A few seconds at the controls."""
    for key, ms in (("ArrowUp", 900), ("ArrowRight", 500), ("ArrowUp", 700)):
        page.keyboard.down(key)
        page.wait_for_timeout(ms)
        page.keyboard.up(key)


def viewer() -> None:
    """The viewer: dark, light, on a phone, and with two hundred."""
    with lobby(8971, 12) as url:
        photograph(url, "viewer-dark", (1280, 800), "dark", fly)
        photograph(url, "viewer-light", (1280, 800), "light", fly)
        photograph(url, "viewer-phone", (390, 844), "dark", fly)
    with lobby(8972, 200) as url:
        photograph(url, "viewer-200", (1280, 800), "dark")


def console() -> None:
    """The console of the operators: dark, and light with a question. Bots come and go for some minutes."""
    key = secrets.token_urlsafe(32)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "backend")}

    def walk(room: str, bots: int) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "lobby",
            "bots",
            "--players",
            str(bots),
            "--room",
            room,
            "--url",
            "ws://127.0.0.1:8974/",
        ]
        return subprocess.Popen(command, env=environment)

    with lobby(8974, 4, 15, "--admin-port", "8975", "--admin-key", key), ExitStack() as ends:
        visits = [
            ("hub", 14, 45),
            ("arena-1", 8, 150),
            ("arena-2", 5, 60),
            ("market", 3, 150),
            ("arena-2", 7, 150),
            ("hub", 9, 150),
        ]
        running: list[tuple[float, subprocess.Popen[bytes]]] = []
        for number in range(12):
            if number % 2 == 0:
                room, bots, stays_s = visits[number // 2]
                running.append((time.monotonic() + stays_s, walk(room, bots)))
                ends.callback(running[-1][1].terminate)
            time.sleep(15)
            for until, process in running:
                if time.monotonic() > until:
                    process.terminate()
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="dark")
            page.goto("http://127.0.0.1:8975/")
            page.get_by_label("Key", exact=True).fill(key)
            page.keyboard.press("Enter")
            page.locator("#rooms button", has_text="hub").click()
            page.locator("#players button").nth(2).click()
            page.wait_for_timeout(4_000)
            for name, scheme in (("console-dark", "dark"), ("console-light", "light")):
                page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                page.wait_for_timeout(1_000)
                Image.open(BytesIO(page.screenshot())).save(PICTURES / f"{name}.webp", quality=88, method=6)
                page.locator("#kick").click()
                page.keyboard.type("no spam, please")
            browser.close()


def plots() -> None:
    """Latency and core over the number of players, from the newest measurement."""
    rows = json.loads((RESULTS / "serve.json").read_text())
    players = [row["players"] for row in rows]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    left.plot(players, [row["p99_ms"] for row in rows], "o-", color="#0f9d84", label="p99")
    left.plot(players, [row["p50_ms"] for row in rows], "o-", color="#7fb8ff", label="median")
    left.set(title="From one player to another, ms", xlabel="players in one room, all moving", ylim=(0, None))
    left.legend(frameon=False)
    right.plot(players, [row["server_core"] for row in rows], "o-", color="#b48bf2")
    right.set(title="Share of one core", xlabel="players in one room, all moving", ylim=(0, None))
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_xticks(players, [f"{n:,}" for n in players])
        axes.minorticks_off()
        axes.grid(color=GRID, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=INK)
    figure.savefig(PICTURES / "latency.png", dpi=120)


def load() -> None:
    """p99 over the number of players, of each server that `bench/compare.py` measured."""
    if not (RESULTS / "load.json").is_file():
        print("  left out: `make bench` has not written bench/results/load.json")
        return
    rows = json.loads((RESULTS / "load.json").read_text())
    looks = {
        "lobby": ("this version", "#0f9d84"),
        "baseline": ("an older version", "#7fb8ff"),
        "colyseus": ("Colyseus", "#d9574a"),
    }
    figure, both = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    for axes, scenario, of_each, where in zip(both, ("one-room", "rooms"), (1, 50), ("one room", "rooms of 50"), strict=True):
        for subject, (label, colour) in looks.items():
            shown = [row for row in rows if (row["scenario"], row["subject"]) == (scenario, subject)]
            shown = [row for row in shown if row["figures"]["p99_ms"] is not None]
            players, late = [row["load"] * of_each for row in shown], [row["figures"]["p99_ms"] for row in shown]
            if shown:
                axes.plot(players, late, "o-", color=colour, label=label)
                axes.set_xticks(players, [f"{n:,}" for n in players])
        axes.set(title=f"{where}: 99 % arrive within, ms", xlabel="players, all moving", ylim=(0, None))
        axes.grid(color=GRID, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=INK)
        axes.legend(frameon=False)
    figure.savefig(PICTURES / "load.png", dpi=120)
    plt.close(figure)


def cost() -> None:
    """Dollars a month over the number of players, as `bench/cost.py` counts them."""

    def counted(*options: str) -> list[dict[str, Any]]:
        command = [sys.executable, str(ROOT / "bench/cost.py"), "--json", *options]
        found: list[dict[str, Any]] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        return found

    default, slow = counted(), counted("--window-ms", "1000")
    window_ms = default[0]["window_ms"]
    lines = (  # at which point a line's name stands: above it to the left, or below it to the right
        (default, "naive", "each position to each player at once", "#d9574a", 5, True),
        (default, "windowed", f"Lobby, {window_ms} ms", "#7a4fd0", 8, True),
        (slow, "windowed", "Lobby, 1 s", "#b48bf2", 3, False),
        (default, "server", "a server at $5, and its traffic", "#0f9d84", 4, False),
    )
    figure, both = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained", sharey=True)
    for axes, moving in zip(both, sorted({row["moving"] for row in default}), strict=True):
        for rows, key, label, colour, point, is_above in lines:
            shown = [row for row in rows if row["moving"] == moving]
            players, dollars = [row["players"] for row in shown], [row[key] for row in shown]
            axes.plot(players, dollars, color=colour, linewidth=2)
            for row, n, sum_ in zip(shown, players, dollars, strict=True):  # hollow: more than AWS allows by default
                inside = "white" if row.get(f"{key}_throttled", False) else colour
                axes.plot(n, sum_, "o", color=colour, markerfacecolor=inside, markersize=5)
            axes.annotate(
                label,
                (players[point], dollars[point]),
                (-6, 13) if is_above else (7, -13),
                textcoords="offset points",
                color=colour,
                ha="right" if is_above else "left",
                va="center",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
            )
        axes.set_title(f"moving {moving:.0%} of the time", loc="left", color=INK)
        axes.set_xlabel("players in one room, 8 hours a day", color=INK)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(1.7, players[-1] * 1.3)
        axes.set_ylim(1, 10**7)
        axes.set_xticks(players, [f"{n:,}" for n in players], fontsize=8)
        axes.set_yticks([10**n for n in range(7)], [f"${10**n:,}" for n in range(7)])
        axes.minorticks_off()
        axes.grid(axis="y", color=GRID, linewidth=0.6)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set_color(GRID)
        axes.tick_params(colors=INK, length=0)
    title = f"Dollars a month, Lobby with windows of {window_ms} ms and of 1 s (hollow: more than AWS allows by default)"
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, color="#1f2a37")
    figure.savefig(PICTURES / "cost.png", dpi=120, facecolor="white")
    plt.close(figure)


def smoothing() -> None:
    """A stretch of a player's way, as it is drawn in three ways, from the newest measurement of `bench/godot/run.py`."""
    shown = json.loads((RESULTS / "godot.json").read_text())["shown"]
    begin_ms = shown["curve"][0][0]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    for name, label, colour in (
        ("easing", "easing towards the newest", "#d9574a"),
        ("lines", "straight lines", "#b48bf2"),
        ("curve", "the addon", "#0f9d84"),
    ):
        seconds = [(own_ms - begin_ms) / 1000 for own_ms, *_ in shown[name]]
        left.plot(seconds, [speed for _, speed, _, _ in shown[name]], color=colour, linewidth=1, label=label)
        right.plot(seconds, [max(error, 0.001) for *_, error in shown[name]], color=colour, linewidth=1, label=label)
    seconds = [(own_ms - begin_ms) / 1000 for own_ms, *_ in shown["curve"]]
    left.plot(
        seconds, [own for _, _, own, _ in shown["curve"]], color=INK, linewidth=1, linestyle=":", label="the player's own"
    )
    left.set(title="Speed on the screen, units/s", xlabel="seconds of the player's way", ylim=(0, 34))
    right.set(title="Distance from the player's own way, units", xlabel="seconds of the player's way", yscale="log")
    right.axhline(0.1, color=INK, linewidth=0.8, linestyle=":")
    left.legend(frameon=False, fontsize=8, ncols=2, loc="upper center")
    for axes in (left, right):
        axes.grid(color=GRID, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=INK)
    figure.savefig(PICTURES / "smoothing.png", dpi=120)
    plt.close(figure)


def terminal() -> None:
    """What `lobby watch` shows."""
    scene = Scene("ws://127.0.0.1:8765/", room="lobby")

    async def look(url: str) -> None:
        async with LobbyClient(url, "watch", name="watch") as me:

            async def listen() -> None:
                async for event in me:
                    scene.take(event, time.monotonic())

            listening = asyncio.create_task(listen())
            for _ in range(60):
                await asyncio.sleep(0.1)
                scene.measure(Traffic(time.monotonic(), me.received, me.received_bytes, me.sent), me.round_trip_ms)
            listening.cancel()

    with lobby(8973, 12) as url:
        asyncio.run(look(url.replace("http", "ws")))
    console = Console(width=110, height=32, force_terminal=True, record=True, file=StringIO())
    console.print(picture(scene, 110, 32, time.monotonic()))
    console.save_svg(str(PICTURES / "watch.svg"), title="lobby watch")


ALL = {
    "viewer": viewer,
    "console": console,
    "plots": plots,
    "load": load,
    "cost": cost,
    "smoothing": smoothing,
    "terminal": terminal,
}


def main() -> None:
    """Makes the pictures that are named, or all."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[1:] or ALL:
        print(f"{name} ...", flush=True)
        ALL[name]()


if __name__ == "__main__":
    main()
