"""The viewer in a real browser against a real lobby."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import jwt
import pytest
from websockets.sync.client import connect

from lobby.client import LobbyClient
from tests.browser.driving import Emulated, message, until

if TYPE_CHECKING:
    from tests.browser.driving import Lobby, Viewer

    Visit = Callable[..., Viewer]

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}


# ── Players and their positions ───────────────────────────────────────────────────────────────────────────────────────────


def test_two_pages_see_each_other_join_move_set_a_status_and_leave(lobby: Lobby, visit: Visit, room: str) -> None:
    ada = visit(lobby.page(room=room, name="Ada")).connected()
    ada.sees("Ada")
    bea = visit(lobby.page(room=room, name="Bea")).connected()
    ada.sees("Ada", "Bea")
    bea.sees("Ada", "Bea")
    ada.shows("#announcer", "Bea joined")

    before = ada.me()
    ada.page.keyboard.down("d")
    until(lambda: ada.me()["x"] > before["x"] + 3, "Ada to fly east")
    ada.page.keyboard.up("d")
    rests = ada.rest()

    def bea_sees_ada_at_rest() -> bool:
        seen = bea.player("Ada")
        assert seen is not None
        off = max(abs(seen["drawn_x"] - rests["x"]), abs(seen["drawn_y"] - rests["y"]))
        return bool(off < 0.02)

    until(bea_sees_ada_at_rest, "Bea to see Ada exactly where Ada rests")

    ada.page.get_by_role("radio", name="trading").check()
    bea.shows("#roster", "trading")
    ada.page.get_by_label("Your own status text").fill("selling ore")
    ada.page.keyboard.press("Enter")
    bea.shows("#roster", "selling ore")
    ada.page.get_by_role("radio", name="no status").check()
    until(lambda: "selling ore" not in bea.page.locator("#roster").inner_text(), "the status to go")

    ada.page.close()
    bea.sees("Bea")
    bea.shows("#announcer", "Ada left")
    assert ada.complaints == []
    assert bea.complaints == []


def test_the_others_get_a_new_name_and_the_ship_stays_in_place(lobby: Lobby, visit: Visit, room: str) -> None:
    ada = visit(lobby.page(room=room)).connected()
    bea = visit(lobby.page(room=room, name="Bea")).connected()
    bea.sees("Bea", "Visitor")
    ada.page.keyboard.press("d", delay=400)
    before = ada.rest()
    ada.page.get_by_label("Your name").fill("Ada")
    ada.page.keyboard.press("Enter")
    bea.sees("Ada", "Bea")
    after = ada.connected().me()
    assert (after["id"], after["x"], after["y"]) == (before["id"], before["x"], before["y"])
    until(lambda: abs((bea.player("Ada") or {"x": 1e9})["x"] - before["x"]) < 0.02, "Ada at her old position")
    ada.page.reload()
    ada.connected().sees("Ada", "Bea")
    assert ada.me()["id"] == before["id"], "a reload is the same player"


def test_names_and_statuses_of_others_are_shown_as_text(lobby: Lobby, visit: Visit, room: str) -> None:
    ada = visit(lobby.page(room=room, name="Ada")).connected()
    name, status = "<img src=x onerror=pwned=1>", "<svg/onload=pwned=1>"
    with connect(lobby.socket(room=room, pid="evil", name=name, v="2")) as stranger:
        stranger.send(message(action="status", status=status))
        ada.sees("Ada", name)
        ada.shows("#roster", status)
        ada.shows("#announcer", name)
        ada.page.locator("#roster button", has_text=name).click()
        assert ada.page.evaluate("typeof window.pwned") == "undefined"
        assert ada.page.locator("#roster img, #roster li svg[onload]").count() == 0
    ada.sees("Ada")
    assert ada.complaints == []


def test_the_own_name_in_the_page_s_address_is_shown_as_text(lobby: Lobby, visit: Visit, room: str) -> None:
    name = "<b id=pwned>Ada</b>"
    ada = visit(lobby.page(room=room, name=name)).connected()
    ada.sees(name)
    assert ada.page.locator("#pwned").count() == 0


def test_a_player_of_version_1_is_listed_and_drawn(lobby: Lobby, visit: Visit, room: str) -> None:
    ada = visit(lobby.page(room=room, name="Ada")).connected()
    with connect(lobby.socket(room=room, pid="old")) as old:
        for step in range(10):
            old.send(message(action="pos", x=10 + step, y=5))
            time.sleep(0.15)
        ada.sees("Ada", "old")
        until(lambda: abs(((ada.player("old") or {}).get("drawn_x") or 0) - 19) < 0.01, "the old client's last position")


def test_a_duplicated_tab_on_a_page_without_locks_is_another_player(lobby: Lobby, visit: Visit, room: str) -> None:
    # Browsers have no locks on a page that is served over plain http by another machine.
    first = visit("about:blank")
    context = first.page.context
    context.add_init_script("Object.defineProperty(Navigator.prototype, 'locks', { value: undefined });")
    first.open(lobby.page(room=room, name="Ada")).connected()
    pid = first.page.evaluate("sessionStorage.getItem('lobby-pid')")
    context.add_init_script(f"sessionStorage.getItem('lobby-pid') ?? sessionStorage.setItem('lobby-pid', '{pid}');")
    second = type(first)(context.new_page()).open(lobby.page(room=room, name="Bea")).connected()
    assert second.page.evaluate("[navigator.locks ?? null, sessionStorage.getItem('lobby-pid')]") != [None, pid]
    first.sees("Ada", "Bea")
    second.sees("Ada", "Bea")
    first.page.reload()
    first.connected()
    assert first.page.evaluate("sessionStorage.getItem('lobby-pid')") == pid
    first.sees("Ada", "Bea")


def test_two_browsers_the_python_client_and_a_version_1_client_share_a_lobby(lobby: Lobby, visit: Visit, room: str) -> None:
    """The version 1 client follows docs/protocol.md only, and uses another WebSocket library."""
    ada = visit(lobby.page(room=room, name="Ada")).connected()
    bea = visit(lobby.page(room=room, name="Bea")).connected()
    positions: dict[str, tuple[float, float]] = {}

    async def python_client() -> None:
        async with LobbyClient(lobby.socket(room=room), "py", name="Py") as me:
            me.move(7, 8)
            async for _ in me:
                positions.update({player.name: player.at[:2] for player in me.roster.players.values()})
                if "old" in positions and positions["old"] == (3, 4):
                    return

    with ThreadPoolExecutor() as threads, connect(lobby.socket(room=room, pid="old")) as old:
        assert json.loads(old.recv(5))["type"] == "welcome"
        walking = threads.submit(asyncio.run, python_client())
        received: dict[str, dict[str, Any]] = {}
        while not {"join", "pos"} <= set(received):
            message_of_lobby = json.loads(old.recv(5))
            received[message_of_lobby["type"]] = message_of_lobby
        assert (received["join"]["id"], received["pos"]) == ("py", {"type": "pos", "id": "py", "x": 7, "y": 8})
        ada.sees("Ada", "Bea", "old", "Py")
        bea.sees("Ada", "Bea", "old", "Py")
        until(lambda: abs(((bea.player("Py") or {}).get("drawn_x") or 0) - 7) < 0.02, "the Python client's position")
        old.send(message(action="pos", x=3, y=4))
        walking.result(10)
        until(lambda: abs(((ada.player("old") or {}).get("drawn_x") or 0) - 3) < 0.02, "the old client's position")
        assert json.loads(old.recv(5)) == {"type": "leave", "id": "py"}
    assert {"Ada", "Bea", "old"} <= set(positions)


# ── Ends of connections ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_page_comes_back_after_the_lobby_was_killed_and_started(new_lobby: Callable[..., Lobby], visit: Visit) -> None:
    lobby = new_lobby()
    ada = visit(lobby.page(name="Ada")).connected()
    bea = visit(lobby.page(name="Bea")).connected()
    ada.sees("Ada", "Bea")
    ada.page.get_by_role("radio", name="away").check()
    ada.page.keyboard.press("s", delay=400)
    before = ada.rest()

    lobby.kill()
    ada.shows("#state", "reconnecting in")
    ada.shows("#announcer", "reconnecting")
    assert ada.page.get_by_role("button", name="Try now").is_visible()
    ada.sees("Ada", "Bea")  # a short disconnect removes no player

    lobby.start()
    ada.page.locator("#try-now").dispatch_event("click")  # the page may have come back by itself already
    ada.connected()
    ada.shows("#state", "connected")
    bea.connected().sees("Ada", "Bea")
    after = ada.me()
    assert (after["id"], after["x"], after["y"]) == (before["id"], before["x"], before["y"])
    # The new lobby knows nothing: the page sends its position and its status again.
    until(lambda: abs((bea.player("Ada") or {"y": 1e9})["y"] - before["y"]) < 0.02, "Ada at her old position")
    bea.shows("#roster", "away")


def test_a_page_that_gets_no_frames_pings_and_comes_back(new_lobby: Callable[..., Lobby], visit: Visit) -> None:
    """A hidden page gets no frames."""
    lobby = new_lobby()
    ada = visit(lobby.page(name="Ada")).connected()
    ada.page.evaluate("window.requestAnimationFrame = () => 0")
    ada.shows("#latency", "ms")
    frames = ada.snapshot()["drawing"]["frames"]
    lobby.kill()
    ada.shows("#state", "reconnecting")
    lobby.start()
    ada.connected().sees("Ada")
    assert ada.snapshot()["drawing"]["frames"] <= frames + 1


def test_a_refusal_is_explained_and_a_token_ends_it(new_lobby: Callable[..., Lobby], visit: Visit) -> None:
    secret = "a secret for this test, long enough to be one"
    lobby = new_lobby("--secret", secret)
    ada = visit(lobby.page(name="Ada"))
    notice = ada.page.get_by_role("alert")
    notice.wait_for()
    assert "token" in notice.inner_text()
    assert ada.state() == "refused"
    time.sleep(1.5)
    assert ada.state() == "refused", "the page does not retry"

    token = jwt.encode({"sub": "ada", "exp": int(time.time()) + 600}, secret, algorithm="HS256")
    notice.get_by_role("button", name="Another address").click()
    dialog = ada.page.get_by_role("dialog", name="Connect to a lobby")
    dialog.get_by_label("Token").fill(token)
    dialog.get_by_role("button", name="Connect", exact=True).click()
    assert ada.connected().me()["id"] == "ada"
    assert not notice.is_visible()
    assert token not in ada.page.url


def test_a_page_that_is_taken_over_shows_it_and_does_not_come_back(lobby: Lobby, visit: Visit, room: str) -> None:
    here = visit(lobby.page(room=room, pid="ada", name="Ada")).connected()
    visit(lobby.page(room=room, pid="ada", name="Ada")).connected()
    until(lambda: here.state() == "refused", "the first page to be refused")
    notice = here.page.get_by_role("alert")
    assert notice.get_by_role("heading").inner_text() == "You are connected elsewhere"
    assert "another tab or on another device" in notice.inner_text()
    notice.get_by_role("button", name="Continue here").click()
    here.connected()
    assert not notice.is_visible()


def test_the_screen_reader_receives_how_many_players_are_in_the_room(lobby: Lobby, visit: Visit, room: str) -> None:
    for name in ("Bea", "Cem", "Dan"):
        visit(lobby.page(room=room, name=name)).connected()
    ada = visit(lobby.page(room=room, name="Ada")).connected()
    until(lambda: ada.page.locator("#announcer").inner_text() == "Connected. 4 here.", "the number of players")


def test_a_long_status_leaves_room_for_the_own_name(lobby: Lobby, visit: Visit, room: str) -> None:
    ada = visit(lobby.page(room=room, name="Ada Lovelace")).connected()
    ada.page.get_by_label("Your own status text").fill("W" * 32)
    ada.page.keyboard.press("Enter")
    ada.shows(".roster .me .status", "W" * 32)
    box = ada.page.locator(".roster .me .name").bounding_box()
    assert box is not None
    assert box["width"] >= 50


def test_a_page_without_network_shows_it_at_once_keeps_the_others_and_comes_back(lobby: Lobby, visit: Visit, room: str) -> None:
    visit(lobby.page(room=room, name="Bea")).connected()
    ada = visit(lobby.page(room=room, name="Ada")).connected()
    ada.sees("Ada", "Bea")
    # In one call: the page comes back after half a second at most.
    shown = ada.page.evaluate("dispatchEvent(new Event('offline')), document.querySelector('#state').dataset.kind")
    assert shown in ("waiting", "connecting")
    ada.sees("Ada", "Bea")
    ada.page.evaluate("dispatchEvent(new Event('online'))")
    ada.connected()
    ada.sees("Ada", "Bea")


def test_the_list_keeps_its_players_while_a_lobby_restarts(new_lobby: Callable[..., Lobby], visit: Visit, room: str) -> None:
    lobby = new_lobby()
    lobby.bots(8, room)
    ada = visit(lobby.page(room=room, name="Ada")).connected()
    until(lambda: len(ada.listed()) == 9, "all bots")
    lobby.kill()
    # The page cannot come back before the lobby starts again, so the test cannot miss this state.
    until(lambda: ada.state() != "connected", "the page to notice")
    lobby.start()
    fewest = 9
    for _ in range(40):
        fewest = min(fewest, len(ada.listed()))
        time.sleep(0.1)
    ada.connected()
    assert fewest == 9


def test_a_page_that_watches_sees_the_players_and_they_do_not_see_it(lobby: Lobby, visit: Visit, room: str) -> None:
    ada = visit(lobby.page(room=room, name="Ada")).connected()
    eye = visit(lobby.page(room=room, name="Eve", watch="1")).connected()
    eye.sees("Ada")
    ada.sees("Ada")
    assert eye.page.locator("#me-panel").is_hidden()
    eye.page.keyboard.press("ArrowRight")
    with connect(lobby.socket(room=room, pid="high", v="2")) as high:
        high.send(message(action="pos", x=5, y=5, z=12.0, seq=1))
        until(lambda: (eye.player("high") or {}).get("drawn_z") == 12, "the height")
        high.send(message(action="send", event="wave"))
        eye.shows("#roster", "↑12")
    assert eye.state() == "connected"


def test_a_new_name_is_seen_by_the_others_without_a_leave(lobby: Lobby, visit: Visit, room: str) -> None:
    ada, bea = visit(lobby.page(room=room, name="Ada")).connected(), visit(lobby.page(room=room, name="Bea")).connected()
    ada.sees("Ada", "Bea")
    bea.page.locator("#name").fill("Zoë")
    bea.page.get_by_role("button", name="Save").click()
    ada.sees("Ada", "Zoë")
    bea.sees("Ada", "Zoë")
    assert bea.page.locator("#name").input_value() == "Zoë"


def test_a_person_can_disconnect_and_connect_again(lobby: Lobby, visit: Visit, room: str) -> None:
    ada = visit(lobby.page(room=room, name="Ada")).connected()
    ada.page.get_by_role("button", name="Connect to another lobby").click()
    ada.page.get_by_role("button", name="Disconnect").click()
    ada.shows("#state", "disconnected")
    ada.page.get_by_role("button", name="Connect again").click()
    ada.connected()


def test_the_address_chooses_another_lobby(lobby: Lobby, new_lobby: Callable[..., Lobby], visit: Visit, room: str) -> None:
    other = new_lobby("--origins", "*")
    ada = visit(lobby.page(room=room, name="Ada", url=other.socket())).connected()
    bea = visit(other.page(room=room, name="Bea")).connected()
    ada.sees("Ada", "Bea")
    bea.sees("Ada", "Bea")


# ── Other hosts, many players ─────────────────────────────────────────────────────────────────────────────────────────────


def test_two_pages_meet_in_an_emulated_lobby(visit: Visit) -> None:
    lobby = Emulated()
    try:
        lobby.start()
        with urlopen(f"http://127.0.0.1:{lobby.port}/", timeout=5) as start_page:
            assert b'rel="icon"' in start_page.read()  # without it, browsers ask for an icon that does not exist
        ada = visit(f"http://127.0.0.1:{lobby.port}/")
        ada.page.wait_for_url("**/lobby/**")  # this address leads to the page with the lobby's address
        ada.connected().sees("Visitor")
        bea = visit(lobby.page(name="Bea")).connected()
        ada.sees("Bea", "Visitor")
        bea.page.keyboard.press("d", delay=300)
        here = bea.rest()
        until(lambda: abs((ada.player("Bea") or {"x": 1e9})["x"] - here["x"]) < 0.02, "Bea at her position")
        bea.page.close()
        ada.sees("Visitor")
        assert ada.complaints == []
    finally:
        lobby.stop()


def test_two_hundred_players_are_all_in_the_list_and_on_the_field(lobby: Lobby, visit: Visit, room: str) -> None:
    ada = visit(lobby.page(room=room, name="Ada")).connected()
    lobby.bots(200, room)
    until(lambda: len(ada.snapshot()["players"]) == 200, "two hundred bots", 60)
    ada.shows("#count", "201")
    until(lambda: len(ada.listed()) == 201, "all of them in the list")
    until(lambda: ada.snapshot()["drawing"]["ships"] == 201, "all of them on the field")
    assert all(player["drawn_x"] is not None for player in ada.snapshot()["players"])

    # The page draws a picture in each frame of the browser, and drawing leaves enough time for everything else.
    frames, pictures = ada.page.evaluate(
        """async () => {
            const before = window.lobby.snapshot().drawing.frames;
            let frames = 0;
            const end = performance.now() + 3000;
            while (performance.now() < end) {
                await new Promise(requestAnimationFrame);
                frames += 1;
            }
            return [frames, window.lobby.snapshot().drawing.frames - before];
        }"""
    )
    drawing = ada.snapshot()["drawing"]
    assert abs(frames - pictures) <= 2
    assert frames > 20
    assert drawing["median_cost_ms"] < 25, drawing
    assert 0 < drawing["names"] < 150, "a name that does not fit is not written"

    ada.page.get_by_label("Find a player").fill("ada")
    until(lambda: 0 < len(ada.listed()) < 30, "the list to be filtered")
    assert all("ada" in name.lower() for name in ada.listed())
    ada.page.get_by_label("Find a player").fill("no player has this name")
    ada.shows("#no-match", "no player")
    assert ada.complaints == []


def test_a_picture_without_movement_is_not_drawn_again(lobby: Lobby, visit: Visit, room: str) -> None:
    ada = visit(lobby.page(room=room, name="Ada")).connected()

    def frames_in_a_second() -> int:
        before = ada.snapshot()["drawing"]["frames"]
        time.sleep(1)
        return int(ada.snapshot()["drawing"]["frames"] - before)

    until(lambda: frames_in_a_second() == 0, "the picture to come to rest")


# ── Camera and theme ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_field_is_dragged_and_zoomed_with_the_mouse(lobby: Lobby, visit: Visit, room: str) -> None:
    ada = visit(lobby.page(room=room, name="Ada")).connected()
    until(lambda: ada.snapshot()["drawing"]["ships"] == 1, "a picture")
    before = ada.snapshot()["camera"]
    ada.page.mouse.move(640, 300)
    ada.page.mouse.down()
    ada.page.mouse.move(740, 350, steps=4)
    ada.page.mouse.up()
    dragged = ada.snapshot()["camera"]
    assert dragged["mode"] == "free"
    assert dragged["x"] == pytest.approx(before["x"] - 100 / before["scale"], abs=0.6)
    ada.page.mouse.wheel(0, -300)
    until(lambda: ada.snapshot()["camera"]["scale"] > dragged["scale"] * 1.2, "the wheel to zoom")
    ada.page.get_by_role("button", name="Show all players").click()
    until(lambda: ada.snapshot()["camera"]["mode"] == "fit", "the camera to show all players")
    ada.page.get_by_role("button", name="Follow me").click()
    assert ada.snapshot()["camera"]["followed"] == ada.me()["id"]
    assert ada.me()["vx"] == 0


def test_a_click_in_the_list_follows_a_player(lobby: Lobby, visit: Visit, room: str) -> None:
    ada = visit(lobby.page(room=room, name="Ada")).connected()
    with connect(lobby.socket(room=room, pid="far", name="Far", v="2")) as far:
        far.send(message(action="pos", x=500, y=-300))
        ada.sees("Ada", "Far")
        row = ada.page.get_by_role("complementary").get_by_role("button", name="Far")
        row.click()
        until(lambda: abs(ada.snapshot()["camera"]["x"] - 500) < 0.5, "the camera to reach the player")
        assert row.get_attribute("aria-pressed") == "true"
        far.close()
        ada.sees("Ada")
        until(lambda: ada.snapshot()["camera"]["mode"] == "fit", "the camera to show all players again")


@pytest.mark.parametrize(("scheme", "low", "high"), [("dark", 0, 60), ("light", 200, 255)])
def test_the_page_is_light_or_dark_like_the_system(
    lobby: Lobby, visit: Visit, room: str, scheme: str, low: int, high: int
) -> None:
    ada = visit(lobby.page(room=room, name="Ada"), color_scheme=scheme).connected()
    until(lambda: ada.snapshot()["drawing"]["ships"] == 1, "a picture")
    assert all(low <= part <= high for part in ada.colour_at(640, 700))
    ada.page.get_by_role("button", name="Light or dark").click()
    until(lambda: not all(low <= part <= high for part in ada.colour_at(640, 700)), "the other theme")
    ada.page.reload()
    ada.connected()
    until(lambda: ada.snapshot()["drawing"]["ships"] == 1, "a picture")
    assert not all(low <= part <= high for part in ada.colour_at(640, 700)), "remembered"


def test_with_reduced_motion_there_are_no_trails(lobby: Lobby, visit: Visit, room: str) -> None:
    ada = visit(lobby.page(room=room, name="Ada"), reduced_motion="reduce").connected()
    ada.page.keyboard.press("d", delay=600)
    assert ada.snapshot()["drawing"]["trails"] == 0
    bea = visit(lobby.page(room=room, name="Bea")).connected()
    bea.page.keyboard.press("d", delay=600)
    assert bea.snapshot()["drawing"]["trails"] > 0


# ── Keyboard and screen reader ────────────────────────────────────────────────────────────────────────────────────────────


def test_the_keyboard_reaches_everything(lobby: Lobby, visit: Visit, room: str) -> None:
    ada = visit(lobby.page(room=room, name="Ada")).connected()
    ada.sees("Ada")
    press = ada.page.keyboard.press
    press("Tab")
    assert ada.page.evaluate("document.activeElement.className") == "skip"
    press("Enter")
    assert ada.page.evaluate("document.activeElement.id") == "roster"

    ada.page.reload()
    ada.connected().sees("Ada")
    reached: list[str] = []
    for _ in range(20):
        press("Tab")
        name, outline = ada.page.evaluate(
            """() => {
                const here = document.activeElement;
                const shown = here.type === "radio" ? here.nextElementSibling : here;
                const style = getComputedStyle(shown);
                const skip = here.className === "skip";
                return [here.id || here.name || here.className || here.tagName, skip || style.outlineStyle !== "none"];
            }"""
        )
        if name in reached or name == "BODY":
            break
        assert outline, f"the focus is not visible on {name}"
        reached.append(name)
    assert {"field", "follow", "fit", "zoom-in", "zoom-out", "name", "status", "status-text", "address-open", "theme"} <= set(
        reached
    )

    # Letters in a text field and arrows in the status buttons do not fly the ship.
    before = ada.rest()
    ada.page.get_by_label("Your name").focus()
    ada.page.keyboard.type("wasd")
    ada.page.get_by_role("radio", name="no status").focus()
    press("ArrowRight")
    until(lambda: ada.me()["status"] == "trading", "the arrow to choose")
    assert (ada.me()["x"], ada.me()["y"]) == (before["x"], before["y"])
    ada.page.locator("#field").focus()
    press("ArrowUp", delay=300)
    assert ada.rest()["y"] < before["y"]
    press("+")
    assert ada.snapshot()["camera"]["mode"] == "free"
    press("f")
    assert ada.snapshot()["camera"]["mode"] == "fit"
    assert ada.complaints == []


@pytest.mark.parametrize("options", [{}, PHONE], ids=["desk", "phone"])
def test_a_screen_reader_can_read_the_page(lobby: Lobby, visit: Visit, room: str, options: dict[str, Any]) -> None:
    ada = visit(lobby.page(room=room, name="Ada"), **options).connected()
    bea = visit(lobby.page(room=room, name="Bea")).connected()
    bea.page.get_by_role("radio", name="away").check()
    if options:
        ada.page.get_by_role("button", name="here").tap()
    page = ada.page
    rows = page.get_by_role("complementary").get_by_role("list").get_by_role("listitem")
    until(lambda: rows.count() == 2, "both in a real list")
    until(lambda: "away" in rows.nth(1).inner_text(), "the status beside the name")
    assert page.get_by_role("main").count() == 1
    assert page.get_by_role("banner").count() == 1
    assert page.get_by_role("heading", level=1).count() == 1
    until(lambda: page.get_by_role("img", name="2 players").count() == 1, "the field in words")
    assert page.locator("#announcer[aria-live=polite]").count() == 1
    assert page.evaluate("document.documentElement.lang") == "en"
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((element) => element.id)")
    assert len(ids) == len(set(ids))

    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    focusable = [
        node
        for node in nodes
        if not node["ignored"]
        and any(item["name"] == "focusable" and item["value"]["value"] for item in node.get("properties", []))
        and node["role"]["value"] != "RootWebArea"
    ]
    assert len(focusable) > 5
    nameless = [node["role"] for node in focusable if not node.get("name", {}).get("value")]
    assert nameless == []


CONTRAST = """() => {
    const pen = Object.assign(document.createElement("canvas"), { width: 1, height: 1 })
        .getContext("2d", { willReadFrequently: true });
    const paint = (colours) => {
        pen.clearRect(0, 0, 1, 1);
        for (const colour of colours) {
            pen.fillStyle = colour;
            pen.fillRect(0, 0, 1, 1);
        }
        return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const light = (rgb) => {
        const [r, g, b] = rgb.map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const poor = [];
    let looked = 0;
    for (const element of document.querySelectorAll("body *")) {
        const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
        if (!text || !element.checkVisibility() || element.closest(".hidden, .skip, noscript")) continue;
        const grounds = [];
        for (let at = element; at; at = at.parentElement) grounds.unshift(getComputedStyle(at).backgroundColor);
        grounds.unshift(getComputedStyle(document.body).backgroundColor);
        const ground = paint(grounds);
        const ink = paint([...grounds, getComputedStyle(element).color]);
        const [low, high] = [light(ground), light(ink)].sort((a, b) => a - b);
        const ratio = (high + 0.05) / (low + 0.05);
        looked += 1;
        if (ratio < 4.5) poor.push(`${element.textContent.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
    }
    return [looked, poor];
}"""


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_every_text_has_enough_contrast(lobby: Lobby, visit: Visit, room: str, scheme: str) -> None:
    ada = visit(lobby.page(room=room, name="Ada"), color_scheme=scheme).connected()
    bea = visit(lobby.page(room=room, name="Bea")).connected()
    bea.page.get_by_role("radio", name="away").check()
    ada.shows("#roster", "away")
    looked, poor = ada.page.evaluate(CONTRAST)
    assert looked > 25
    assert poor == []
    ada.page.get_by_role("button", name="Connect to another lobby").click()
    assert ada.page.evaluate(CONTRAST)[1] == []


# ── On a phone ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_on_a_phone_one_finger_flies_and_two_fingers_move_the_view(lobby: Lobby, visit: Visit, room: str) -> None:
    ada = visit(lobby.page(room=room, name="Ada"), **PHONE).connected()
    until(lambda: ada.snapshot()["drawing"]["ships"] == 1, "a picture")
    session = ada.page.context.new_cdp_session(ada.page)

    def touch(kind: str, *points: tuple[int, int]) -> None:
        at = [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    before = ada.me()
    touch("touchStart", (200, 400))
    touch("touchMove", (240, 400))
    touch("touchMove", (280, 400))
    until(lambda: ada.me()["x"] > before["x"] + 2, "the finger to fly")
    assert ada.me()["y"] == pytest.approx(before["y"], abs=4), "except for the turn"
    touch("touchEnd")
    rests = ada.rest()
    assert ada.snapshot()["camera"]["mode"] == "fit"

    scale = ada.snapshot()["camera"]["scale"]
    touch("touchStart", (150, 400))
    touch("touchStart", (150, 400), (250, 400))
    for step in range(1, 6):
        touch("touchMove", (150 - 10 * step, 400), (250 + 10 * step, 400))
    touch("touchEnd")
    camera = ada.snapshot()["camera"]
    assert camera["scale"] > 1.5 * scale
    assert camera["mode"] == "free"
    assert ada.rest()["x"] == pytest.approx(rests["x"], abs=0.5)


def test_on_a_phone_everything_fits_and_buttons_are_large_enough(lobby: Lobby, visit: Visit, room: str) -> None:
    ada = visit(lobby.page(room=room, name="Ada"), **PHONE).connected()
    page = ada.page
    for name in ["here", "You", "Connection"]:
        tab = page.locator(".tabs").get_by_role("button", name=name)
        tab.tap()
        assert tab.get_attribute("aria-expanded") == "true"
        # A row has no size before the browser knows that it is visible (content-visibility). It knows after a frame.
        page.evaluate("new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown)))")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        small = page.evaluate(
            """[...document.querySelectorAll("button")]
                .filter((button) => button.checkVisibility())
                .map((button) => [button.id || button.textContent, button.getBoundingClientRect()])
                .filter(([, box]) => box.height < 43.5 || box.width < 43.5 || box.left < 0 || box.right > innerWidth)
                .map(([name]) => name)"""
        )
        assert small == []
    page.locator(".tabs").get_by_role("button", name="You").tap()
    page.get_by_role("radio", name="trading").tap()
    until(lambda: ada.me()["status"] == "trading", "the status to be chosen by a tap")
    page.keyboard.press("Escape")
    assert not page.locator("#me-panel").is_visible()
    assert ada.complaints == []
