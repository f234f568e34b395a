"""The JavaScript client in real pages: from the lobby, from a package of npm, in the examples."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.driving import Lobby, free_port, until

CLIENT = Path(__file__).parents[2] / "clients/javascript"

PAGE = """<!doctype html>
<title>Two players</title>
<ul></ul>
<script type="module">
  import { Lobby } from "IMPORT";
  const query = new URLSearchParams(location.search);
  const lobby = new Lobby("ADDRESS", { player: query.get("player"), name: query.get("player"), data: { team: "red" } });
  const list = document.querySelector("ul");
  const show = () => {
    list.replaceChildren(...[...lobby.players.values()].map((player) => {
      const row = document.createElement("li");
      row.textContent = `${player.name} ${player.position.x} ${player.position.z} ${player.data.team ?? ""}`;
      return row;
    }));
  };
  for (const kind of ["joined", "left", "moved", "changed"]) lobby.on(kind, show);
  lobby.on("event", (event, data, player) => (document.title = `${player} ${event} ${data.n}`));
  lobby.move(7, 8, { z: 2 });
  window.lobby = lobby;
</script>
"""


GAME = """
import { Lobby } from "./javascript/types/lobby.js";
const lobby = new Lobby("ws://127.0.0.1:8765/", { player: "ann", data: { team: "red" } });
lobby.on("joined", (player, was_here) => console.log(player.name.length, was_here ? 1 : 0, player.at(0)?.z ?? 0));
lobby.on("event", (event: string, data, player) => console.log(event, data.n, player));
// @ts-expect-error: there is no such event
lobby.on("jumped", () => {});
// @ts-expect-error: a height is a number
lobby.move(1, 2, { z: "3" });
"""
"""A game in TypeScript. It must compile with the declarations."""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[Callable[[Path], str]]:
    """Serves a folder as a development server does, and returns its address."""
    servers: list[ThreadingHTTPServer] = []

    def serve(folder: Path) -> str:
        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://localhost:{servers[-1].server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def tab(browser: Browser) -> Iterator[Callable[[str], Page]]:
    """Opens pages. Each must end without an error on its console."""
    pages: list[Page] = []
    problems: list[str] = []

    def open_page(url: str) -> Page:
        page = browser.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
        page.goto(url)
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert not [problem for problem in problems if "favicon" not in problem and "404" not in problem]


def meet(tab: Callable[[str], Page], url: str, room: str = "") -> tuple[Page, Page]:
    """Two pages that see each other."""
    ann, bea = tab(f"{url}?player=ann{room}"), tab(f"{url}?player=bea{room}")
    for page, other in ((ann, bea), (bea, ann)):
        name = "bea" if page is ann else "ann"
        until(lambda page=page, name=name: page.locator("li").all_inner_texts() == [f"{name} 7 2 red"], f"{name} in the list")  # type: ignore[misc]
        assert other
    ann.evaluate("lobby.send('wave', { n: 5 }, 'bea')")
    until(lambda: bea.title() == "ann wave 5", "the event")
    return ann, bea


def npm(*arguments: str, at: Path) -> str:
    program = shutil.which("npm")
    assert program, "These tests need npm. On Debian: sudo apt-get install npm"
    done = subprocess.run([program, *arguments], cwd=at, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tsconfig(home: Path, *pages: Path) -> Path:
    """Options that check the pages as strictly as the client. A host serves the folders side by side."""
    options = json.loads((CLIENT / "tsconfig.json").read_text())["compilerOptions"]
    options |= {
        "declaration": False,
        "emitDeclarationOnly": False,
        "noEmit": True,
        "rootDirs": [str(pages[0].parent), str(CLIENT)],
    }
    options |= {"module": "esnext", "moduleResolution": "bundler", "outDir": None}
    (home / "page.json").write_text(
        json.dumps({"compilerOptions": options, "files": [str(page / "main.js") for page in pages]})
    )
    return home / "page.json"


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as it would be published: `npm pack`, with declarations that `tsc --strict` has made of JSDoc."""
    home = tmp_path_factory.mktemp("package")
    shutil.copytree(CLIENT, home / "javascript", ignore=shutil.ignore_patterns("node_modules", "types", "examples"))
    npm("install", "--silent", "--no-save", "--no-package-lock", "typescript@5", at=home)
    tsc = home / "node_modules/.bin/tsc"
    checked = subprocess.run([tsc, "-p", home / "javascript"], capture_output=True, text=True, timeout=120, check=False)
    assert checked.returncode == 0, checked.stdout
    lobby = CLIENT.parents[1] / "backend/lobby"
    options = tsconfig(home, lobby / "viewer", lobby / "console")
    pages = subprocess.run([tsc, "-p", options], capture_output=True, text=True, timeout=120, check=False)
    assert pages.returncode == 0, pages.stdout
    assert "export class Lobby" in (home / "javascript/types/lobby.d.ts").read_text()
    (home / "game.ts").write_text(GAME)
    game = subprocess.run(
        [tsc, "--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", home / "game.ts"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert game.returncode == 0, game.stdout
    name = npm("pack", "--silent", at=home / "javascript").strip().splitlines()[-1]
    return home / "javascript" / name


def test_a_page_of_twenty_lines_from_the_lobby_shows_two_browsers_each_other(
    new_lobby: Callable[..., Lobby], site: Callable[[Path], str], tab: Callable[[str], Page], tmp_path: Path
) -> None:
    lobby = new_lobby()
    address = lobby.socket().partition("?")[0]
    module = f"http://127.0.0.1:{lobby.port}/client/lobby.js"
    (tmp_path / "index.html").write_text(PAGE.replace("IMPORT", module).replace("ADDRESS", address))
    meet(tab, f"{site(tmp_path)}/index.html")


def test_the_same_page_works_with_the_package_of_npm_in_an_empty_folder(
    new_lobby: Callable[..., Lobby], site: Callable[[Path], str], tab: Callable[[str], Page], tmp_path: Path, packed: Path
) -> None:
    npm("install", "--silent", "--no-save", "--no-package-lock", str(packed), at=tmp_path)
    package = tmp_path / "node_modules/serverless-lobby-client"
    assert (package / "types/lobby.d.ts").exists()
    assert not (package / "examples").exists()
    address = new_lobby().socket().partition("?")[0]
    module = "./node_modules/serverless-lobby-client/client/lobby.js"
    (tmp_path / "index.html").write_text(PAGE.replace("IMPORT", module).replace("ADDRESS", address))
    meet(tab, f"{site(tmp_path)}/index.html")


def test_the_package_works_in_node_with_ws(new_lobby: Callable[..., Lobby], tmp_path: Path, packed: Path) -> None:
    npm("install", "--silent", "--no-save", "--no-package-lock", str(packed), "ws@8", at=tmp_path)
    address = new_lobby().socket().partition("?")[0]
    (tmp_path / "bot.mjs").write_text(
        f"""import {{ Lobby }} from "serverless-lobby-client";
import WebSocket from "ws";
const ann = new Lobby("{address}", {{ player: "ann", WebSocket }});
const bea = new Lobby("{address}", {{ player: "bea", WebSocket, data: {{ team: "red" }} }});
ann.on("changed", (player) => {{
  console.log(player.id, JSON.stringify(player.data));
  ann.close();
  bea.close();
}});
"""
    )
    node = shutil.which("node")
    assert node
    done = subprocess.run([node, "bot.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout == 'bea {"team":"red"}\n', done.stderr


def test_in_node_a_player_that_an_operator_removes_learns_why_and_does_not_come_back(
    new_lobby: Callable[..., Lobby], tmp_path: Path, packed: Path
) -> None:
    npm("install", "--silent", "--no-save", "--no-package-lock", str(packed), "ws@8", at=tmp_path)
    key, port = "a-key-of-the-admin-api-with-40-characters", free_port()
    address = new_lobby("--admin-port", str(port), "--admin-key", key).socket().partition("?")[0]
    (tmp_path / "bot.mjs").write_text(
        f"""import {{ Lobby }} from "serverless-lobby-client";
import WebSocket from "ws";
const ann = new Lobby("{address}", {{ player: "ann", WebSocket }});
ann.on("connected", () =>
  fetch("http://127.0.0.1:{port}/rooms/lobby/players/ann/kick", {{
    method: "POST",
    headers: {{ Authorization: "Bearer {key}", "Content-Type": "application/json" }},
    body: JSON.stringify({{ reason: "no spam, please" }}),
  }}));
ann.on("disconnected", () => console.log("comes back"));
ann.on("refused", (code, message) => {{
  console.log(code, message);
  ann.close();
}});
"""
    )
    node = shutil.which("node")
    assert node
    done = subprocess.run([node, "bot.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout == "kicked an operator of the lobby removed you: no spam, please\n", done.stderr


def test_in_node_a_lobby_that_is_not_there_ends_no_process(tmp_path: Path, packed: Path) -> None:
    npm("install", "--silent", "--no-save", "--no-package-lock", str(packed), "ws@8", at=tmp_path)
    (tmp_path / "bot.mjs").write_text(
        f"""import {{ Lobby }} from "serverless-lobby-client";
import WebSocket from "ws";
const ann = new Lobby("127.0.0.1:{free_port()}", {{ player: "ann", WebSocket }});
ann.on("disconnected", (reason) => {{
  console.log(reason);
  ann.close();
}});
"""
    )
    node = shutil.which("node")
    assert node
    done = subprocess.run([node, "bot.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, "no lobby answers there, or it refuses the connection\n"), done.stderr


def test_the_canvas_game_has_under_a_hundred_lines_and_shows_other_players(
    new_lobby: Callable[..., Lobby], site: Callable[[Path], str], tab: Callable[[str], Page]
) -> None:
    game = CLIENT / "examples/canvas"
    assert len((game / "index.html").read_text().splitlines()) < 100
    address = new_lobby().socket().partition("?")[0]
    url = f"{site(game)}/index.html?lobby={address}"
    one, two = tab(f"{url}&name=Ann"), tab(f"{url}&name=Bea")
    until(lambda: one.locator("p").inner_text() == "2 here", "two players")
    one.mouse.move(600, 300)
    one.mouse.down()
    until(lambda: two.evaluate("[...lobby.players.values()].some((player) => player.position.x !== 0)"), "a move")
    assert str(two.evaluate("[...lobby.players.values()][0].data.color")).startswith("hsl(")


def test_the_scene_in_three_js_shows_another_player_in_its_color_and_at_its_height(
    new_lobby: Callable[..., Lobby], site: Callable[[Path], str], tab: Callable[[str], Page], tmp_path: Path
) -> None:
    scene = tmp_path / "three"
    shutil.copytree(CLIENT / "examples/three", scene, ignore=shutil.ignore_patterns("node_modules"))
    npm("install", "--silent", "--no-save", "--no-package-lock", at=scene)
    address = new_lobby().socket().partition("?")[0]
    url = f"{site(scene)}/index.html?lobby={address}"
    one, two = tab(f"{url}&name=Ann&x=-3&color=%23ff0000"), tab(f"{url}&name=Bea&x=3&color=%230000ff")
    until(lambda: one.evaluate("[...others.values()].map((mesh) => mesh.material.color.getHexString())") == ["0000ff"], "blue")
    two.keyboard.down("Space")
    until(lambda: one.evaluate("[...others.values()].some((mesh) => mesh.position.y > 0.5)"), "a jump")
    two.keyboard.up("Space")
    until(lambda: one.evaluate("[...others.values()].every((mesh) => Math.abs(mesh.position.y) < 0.01)"), "the ground")


def test_the_page_of_the_guide_works_as_it_is_written(
    new_lobby: Callable[..., Lobby], site: Callable[[Path], str], tab: Callable[[str], Page], tmp_path: Path
) -> None:
    guide = (CLIENT.parents[1] / "docs/web.md").read_text()
    page = guide.partition("```html\n")[2].partition("```")[0]
    (tmp_path / "index.html").write_text(page.replace("8765", str(new_lobby().port)))
    one, two = tab(f"{site(tmp_path)}/index.html"), tab(f"{site(tmp_path)}/index.html")
    one.mouse.move(30, 40)
    two.mouse.move(50, 60)
    until(lambda: one.locator("li").all_inner_texts()[:1], "another player")
    until(lambda: one.locator("li").first.inner_text().endswith(" (red): 50, 60"), "its place")


def test_a_page_lists_the_rooms_of_a_lobby_that_allows_it(
    new_lobby: Callable[..., Lobby], site: Callable[[Path], str], tab: Callable[[str], Page], tmp_path: Path
) -> None:
    lobby = new_lobby("--list-rooms")
    address = lobby.socket().partition("?")[0]
    module = f"http://127.0.0.1:{lobby.port}/client/lobby.js"
    (tmp_path / "index.html").write_text(PAGE.replace("IMPORT", module).replace("ADDRESS", address))
    page = tab(f"{site(tmp_path)}/index.html?player=ann")
    until(lambda: page.evaluate("lobby.is_connected"), "the lobby")
    assert page.evaluate("lobby.rooms()") == [{"name": "lobby", "players": 1, "size": 50}]
