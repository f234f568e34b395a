"""The console of the operators in a real browser, on the admin port of a real lobby with real clients."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from lobby.presence import Position, Presence
from lobby.server.host import Server
from lobby.server.memory import MemoryStore
from lobby.settings import Settings
from tests.browser.driving import Lobby, free_port, message, until

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.driving import Viewer

    Visit = Callable[..., Viewer]

KEY = "k9QmX2vL7wTz4RbN8cYp5HdF3sJg6AeU"
FOCUSED_NAME = "document.activeElement.querySelector('.name').textContent"
FOCUSED = "document.activeElement.id || document.activeElement.textContent"


class Hosted:
    """`lobby serve` with an admin port, in a thread of this process, so that a test reaches its clock and its store."""

    def __init__(self, **settings: Any) -> None:
        self.admin_port, self.port = free_port(), 0
        self.server = Server(Settings(port=0, admin_port=self.admin_port, admin_key=KEY, **settings), MemoryStore())
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        ready = threading.Event()

        def note(port: int) -> None:
            self.port = port
            ready.set()

        def run() -> None:
            self._loop.run_until_complete(self.server.run(note, self._stop))
            self._loop.close()

        self.thread = threading.Thread(target=run)
        self.thread.start()
        assert ready.wait(30)
        self.page = f"http://127.0.0.1:{self.admin_port}/"
        self.others = Lobby()
        self.others.port = self.port

    def call(self, act: Callable[[], object]) -> None:
        """Runs ``act`` in the event loop of the lobby, and waits for it."""

        async def within() -> None:
            act()

        asyncio.run_coroutine_threadsafe(within(), self._loop).result(30)

    def stop(self) -> None:
        self.others.stop()
        if self.thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self.thread.join(30)

    @contextmanager
    def client(self, player: str, room: str, **query: str) -> Iterator[Client]:
        address = f"ws://127.0.0.1:{self.port}/?{urlencode({'pid': player, 'room': room, 'v': '2', **query})}"
        with connect(address, max_queue=None) as socket:
            client = Client(socket)
            client.receive("welcome")
            yield client


class Client:
    """A player that is no browser."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def receive(self, kind: str) -> dict[str, Any]:
        while True:
            found: dict[str, Any] = json.loads(self.socket.recv(timeout=30))
            if found["type"] == kind:
                return found

    def closed_with(self) -> tuple[int, str]:
        try:
            while True:
                self.socket.recv(timeout=30)
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            return closed.rcvd.code, closed.rcvd.reason


@pytest.fixture
def hosted() -> Iterator[Hosted]:
    lobby = Hosted(room_size=250, heartbeat_ms=540_000)
    try:
        yield lobby
    finally:
        lobby.stop()


@pytest.fixture
def opened(hosted: Hosted, visit: Visit) -> Callable[..., Viewer]:
    """Opens the console, and gives it the key by keyboard."""

    def open_console(**options: Any) -> Viewer:
        console = visit(hosted.page, **options)
        enter_key(console, KEY)
        console.page.locator("#console").wait_for()
        console.shows("#state-text", "Live")
        return console

    return open_console


def enter_key(console: Viewer, key: str) -> None:
    until(lambda: console.page.evaluate(FOCUSED) == "key", "the focus in the field of the key")
    console.page.keyboard.type(key)
    console.page.keyboard.press("Enter")


def tab_to(page: Page, selector: str, back: bool = False) -> None:
    """Presses Tab until an element that ``selector`` matches has the focus, and checks that the focus is visible."""
    for _ in range(40):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        found = page.evaluate(
            "s => document.activeElement.closest(s) && getComputedStyle(document.activeElement).outlineStyle", selector
        )
        if found:
            assert found == "solid", selector
            return
    raise AssertionError(f"Tab does not reach {selector}")


def choose(page: Page, which: str, name: str) -> None:
    """Walks through a list with the arrow keys to a row with this text, and presses Enter."""
    until(lambda: name in page.locator(f"#{which} .name").all_text_contents(), f"{name} in the list")
    tab_to(page, f"#{which}")
    page.keyboard.press("Home")
    for _ in range(300):
        if page.evaluate(FOCUSED_NAME) == name:
            page.keyboard.press("Enter")
            return
        page.keyboard.press("ArrowDown")
    raise AssertionError(f"the arrow keys do not reach {name}")


# ── the key ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_wrong_key_is_refused_with_a_text_and_the_right_one_opens_the_console(hosted: Hosted, visit: Visit) -> None:
    console = visit(hosted.page)
    for wrong in (KEY[:-1], "ключ"):
        enter_key(console, wrong)
        console.shows("#key-error", "key")
        assert console.page.locator("#key").get_attribute("aria-invalid") == "true"
        assert not console.page.locator("#console").is_visible()
        console.page.locator("#key").fill("")
    enter_key(console, KEY)
    console.page.locator("#console").wait_for()
    console.shows("#now", "0 players")
    console.shows("#no-rooms", "No player is connected")
    assert console.page.url == hosted.page, "the key is not in the address"
    stored = "[Object.values(localStorage), Object.values(sessionStorage), document.cookie]"
    assert console.page.evaluate(stored) == [[], [KEY], ""]
    assert KEY not in console.page.content()
    console.page.reload()
    console.shows("#state-text", "Live")
    other = console.page.context.new_page()
    other.goto(hosted.page)
    other.locator("#key").wait_for()
    console.page.locator("#forget").click()
    console.page.locator("#key").wait_for()
    assert console.page.evaluate(stored) == [[], [""], ""]


def test_a_lobby_that_starts_again_is_shown_again_and_another_key_is_asked_for(
    visit: Visit, new_lobby: Callable[..., Lobby]
) -> None:
    admin_port = str(free_port())
    lobby = new_lobby("--admin-port", admin_port, "--admin-key", KEY)
    console = visit(f"http://127.0.0.1:{admin_port}/")
    enter_key(console, KEY)
    console.shows("#state-text", "Live")
    lobby.kill()
    console.shows("#state-text", "No answer")
    assert console.page.locator("#console").is_visible()
    lobby.start()
    console.shows("#state-text", "Live")
    lobby.kill()
    new_lobby("--admin-port", admin_port, "--admin-key", "another-key-of-the-admin-api-with-44-letters")
    console.shows("#key-error", "This is not the key")
    assert not console.page.locator("#console").is_visible()


# ── what is shown ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_rooms_with_bots_have_counts_rates_a_map_and_players(hosted: Hosted, opened: Callable[..., Viewer]) -> None:
    hosted.others.bots(5, "hub")
    hosted.others.bots(2, "arena")
    console = opened()
    page = console.page
    until(lambda: page.locator("#rooms .name").all_text_contents() == ["arena", "hub"], "both rooms")
    choose(page, "rooms", "hub")
    console.shows("#room-title", "hub")
    console.shows("#players-title", "5 of 250 players")
    assert page.locator("#players button").count() == 5
    until(lambda: page.evaluate("window.lobby.snapshot().drawing.ships") == 5, "five ships on the map")
    assert "Map of hub: 5 players" in str(page.locator("#map").get_attribute("aria-label"))
    row = page.locator("#rooms button", has_text="hub")
    assert row.locator(".number").first.inner_text().startswith("5/250")

    def rates() -> list[str]:
        return [text.split("\n")[0].split(" ")[0] for text in row.locator(".number").all_text_contents()[1:]]

    until(lambda: all(rate not in ("–", "0") for rate in rates()), "the rates of the room")
    console.shows("#now", "7 players · 2 rooms · 7 connections")
    frames = page.evaluate("window.lobby.snapshot().drawing.frames")
    until(lambda: page.evaluate("window.lobby.snapshot().drawing.frames") > frames, "the map to move")
    assert console.complaints == []


def test_the_facts_of_a_chosen_player_are_shown_and_kept_up_to_date(hosted: Hosted, opened: Callable[..., Viewer]) -> None:
    with hosted.client("ann", "hub", name="Ann") as ann:
        console = opened()
        page = console.page
        choose(page, "players", "Ann")
        facts = page.locator("#facts")
        console.shows("#facts", "has not moved")
        ann.socket.send(message(action="pos", x=12.5, y=-3))
        ann.socket.send(message(action="data", data={"team": "red"}))
        ann.socket.send(message(action="status", status="trading"))
        for text in ("12.5, -3.0, 0.0", '{"team":"red"}', "127.0.0.1", "trading"):
            console.shows("#facts", text)
        assert facts.locator("dd").first.inner_text() == "ann"
    until(lambda: not page.locator("#details").is_visible(), "the player that left to disappear")
    console.shows("#no-players", "No player is in this room")


def test_texts_of_players_are_shown_as_text(hosted: Hosted, opened: Callable[..., Viewer]) -> None:
    name, status = "<img src=x onerror=pwned=1>", "<svg/onload=pwned=1>"
    with hosted.client("evil", "hub", name=name) as evil:
        evil.socket.send(message(action="status", status=status))
        evil.socket.send(message(action="data", data={"a": "<script>pwned=1</script>"}))
        evil.socket.send(message(action="pos", x=1, y=1))
        console = opened()
        page = console.page
        choose(page, "players", name)
        console.shows("#players", status)
        console.shows("#facts", "<script>pwned=1</script>")
        assert page.locator("#details-title").inner_text() == name
        page.locator("#kick").click()
        assert page.locator("#ask-title").inner_text() == f"Kick {name}?"
        page.keyboard.press("Escape")
        hosted.call(lambda: hosted.server.operating.ban("hub", "evil", 60, name, "a test"))
        page.locator("#bans-open").click()
        console.shows("#ban-list", name)
        assert page.evaluate("typeof window.pwned") == "undefined"
        assert page.locator("img, script:not([src]), #players svg[onload]").count() == 0
    assert console.complaints == []


def test_a_thousand_rooms_are_read_page_by_page_and_found_by_name(hosted: Hosted, opened: Callable[..., Viewer]) -> None:
    def fill() -> None:
        now, store = hosted.server.now(), hosted.server.store
        for number in range(1_000):
            store.add(Presence(f"room-{number:03}", f"c{number}", "ann", seen_ms=now, joined_ms=now))

    hosted.call(fill)
    console = opened()
    page = console.page

    def names() -> list[str]:
        return page.locator("#rooms .name").all_text_contents()

    until(lambda: len(names()) == 50, "the first page of rooms")
    console.shows("#rooms-title", "1,000 rooms")
    tab_to(page, "#rooms-next")
    for begin in (50, 100):
        page.keyboard.press("Enter")
        until(lambda begin=begin: names()[0] == f"room-{begin:03}", "the next page")  # type: ignore[misc]
    console.shows("#rooms-page", "page 3")
    tab_to(page, "#rooms-previous", back=True)
    page.keyboard.press("Enter")
    until(lambda: names()[0] == "room-050", "the page before")
    tab_to(page, "#find-room", back=True)
    page.keyboard.type("room-99")
    until(lambda: names() == [f"room-{number}" for number in range(990, 1_000)], "the rooms with this name")
    assert not page.locator("#rooms-pager").is_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    console.shows("#room-title", "room-999")
    page.locator("#find-room").fill("no such room")
    console.shows("#no-rooms", "No room has such a name")
    assert console.complaints == []


def test_a_room_of_1_200_players_is_read_page_by_page_and_drawn(hosted: Hosted, opened: Callable[..., Viewer]) -> None:
    def fill() -> None:
        now, store = hosted.server.now(), hosted.server.store
        for number in range(1_200):
            at = Position(x=number % 40, y=number // 40, seq=1)
            store.add(Presence("big", f"c{number}", f"p{number:04}", seen_ms=now, joined_ms=now, moved_ms=now, at=at))

    hosted.call(fill)
    console = opened()
    page = console.page
    console.shows("#players-title", "1,200 of")
    ships = "window.lobby.snapshot().drawing.ships"
    until(lambda: page.evaluate(ships) == 1_000, "the first page on the map")
    choose(page, "players", "p0123")
    console.shows("#facts", "3.0, 3.0, 0.0")
    tab_to(page, "#players-next")
    page.keyboard.press("Enter")
    until(lambda: page.locator("#players button").count() == 200, "the second page")
    until(lambda: page.evaluate(ships) == 200, "the second page on the map")
    until(lambda: page.locator("#players .name").first.inner_text() == "p1000", "the top of the second page in view")
    assert console.complaints == []


# ── plots ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_last_hour_is_drawn_and_read_by_keyboard(hosted: Hosted, opened: Callable[..., Viewer]) -> None:
    begin = hosted.server.now() + 60_000  # later than each point that the lobby itself adds during the test

    def live() -> None:
        """An hour with one more player every ten seconds, each of which receives a frame a second."""
        stats, health = hosted.server.stats, hosted.server.health()
        for number in range(361):
            now = begin + 10_000 * number
            hosted.server.counts["frames", "moves"] += 10 * number
            hosted.server.counts["messages", "pos"] += 20
            stats.answered(30, now)
            stats.sample(now, hosted.server.counts, health._replace(players=number))

    hosted.call(live)
    console = opened()
    page = console.page
    for name in ("players", "messages", "latency", "cost"):
        until(lambda name=name: (page.locator(f"#plot-{name} .line-0").get_attribute("d") or "").count("L") > 300, name)  # type: ignore[misc]
    plot = page.locator("#plot-players")
    console.shows("#plot-players .values", "360 players")
    console.shows("#plot-messages .values", "360/s")
    console.shows("#plot-latency .values", "30 ms")
    console.shows("#plot-players .axis", "59 min ago")
    box = plot.locator("svg").bounding_box()
    assert box is not None
    assert box["width"] > 200

    tab_to(page, "#plot-players", back=True)
    page.keyboard.press("Home")
    assert (plot.get_attribute("aria-valuetext") or "").endswith(": 1 players, 0 rooms")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    console.shows("#plot-players .values", "4 players")
    page.keyboard.press("Escape")
    console.shows("#plot-players .values", "360 players")
    dollars = hosted.server.stats.points[-1].aws_dollars_per_hour
    assert dollars > 1
    console.shows("#plot-cost .values", f"${dollars:.2f}")
    sums = sum(point.aws_dollars_per_hour for point in hosted.server.stats.points) * 10 / 3_600
    console.shows("#plot-cost .axis", f"${sums:.2f} in this time")


# ── acting, by keyboard alone ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_player_is_kicked_by_keyboard_and_the_focus_stays_in_the_list(hosted: Hosted, opened: Callable[..., Viewer]) -> None:
    with hosted.client("ann", "hub", name="Ann"), hosted.client("bea", "hub", name="Bea") as bea, hosted.client("cem", "arena"):
        console = opened()
        page = console.page
        choose(page, "rooms", "hub")
        choose(page, "players", "Bea")
        tab_to(page, "#kick")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.name") == "reason"
        page.keyboard.type("no spam, please")
        page.keyboard.press("Enter")
        code, reason = bea.closed_with()
        assert code == 4506
        assert "no spam, please" in reason
        console.shows("#result", "Bea is removed from hub.")
        assert page.locator("#result").get_attribute("role") == "status"
        until(lambda: page.locator("#players .name").all_text_contents() == ["Ann"], "Bea to leave the list")
        until(lambda: page.evaluate("document.activeElement.closest('#players') !== null"), "the focus in the list")
    assert console.complaints == []


def test_a_refusal_of_the_lobby_stays_in_the_dialog(hosted: Hosted, opened: Callable[..., Viewer]) -> None:
    with hosted.client("ann", "hub", name="Ann"):
        console = opened()
        page = console.page
        choose(page, "players", "Ann")
        page.locator("#kick").click()
        page.keyboard.type("a\u2028b")
        page.keyboard.press("Enter")
        console.shows("#ask-error", "no line breaks")
        assert page.locator("#ask-error").get_attribute("role") == "alert"
        page.locator("#ask input").fill("")
        page.keyboard.press("Escape")
        assert page.evaluate(FOCUSED) == "kick"


def test_a_message_reaches_the_clients_of_a_room_or_of_all(hosted: Hosted, opened: Callable[..., Viewer]) -> None:
    with hosted.client("ann", "hub") as ann, hosted.client("bea", "arena") as bea:
        console = opened()
        page = console.page
        choose(page, "rooms", "hub")
        tab_to(page, "#send-room")
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.type("<b>Back at five</b>")
        page.keyboard.press("Enter")
        expected = {"type": "event", "id": "", "event": "notice", "data": {"text": "<b>Back at five</b>"}}
        assert ann.receive("event") == expected
        console.shows("#result", "Sent notice to 1 connection of hub.")
        assert page.evaluate(FOCUSED) == "send-room"

        tab_to(page, "#send-all", back=True)
        page.keyboard.press("Enter")
        page.keyboard.type("restart")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.type("[5]")
        tab_to(page, "#ask-go")
        page.keyboard.press("Enter")
        console.shows("#ask-error", "a JSON object")
        page.locator("#ask textarea").fill('{"minutes": 5}')
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        for player in (ann, bea):
            assert player.receive("event") == {"type": "event", "id": "", "event": "restart", "data": {"minutes": 5}}


def test_a_player_is_banned_and_the_ban_removed_by_keyboard(hosted: Hosted, opened: Callable[..., Viewer]) -> None:
    with hosted.client("ann", "hub", name="Ann") as ann:
        console = opened()
        page = console.page
        choose(page, "players", "Ann")
        tab_to(page, "#ban")
        page.keyboard.press("Enter")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Tab")
        page.keyboard.type("cheats")
        page.keyboard.press("Enter")
        assert ann.closed_with()[0] == 4507
        console.shows("#result", "Ann is banned for 1 day.")
    [ban] = hosted.server.operating.active_bans()
    assert (ban.player, ban.reason) == ("ann", "cheats")

    tab_to(page, "#bans-open")
    page.keyboard.press("Enter")
    console.shows("#ban-list", "ann, until")
    tab_to(page, "#ban-id")
    page.keyboard.press("Enter")
    page.keyboard.type("eve")
    page.keyboard.press("Enter")
    console.shows("#ban-list", "eve, until")
    for left in (1, 0):
        tab_to(page, "#ban-list")
        page.keyboard.press("Enter")
        until(lambda left=left: page.locator("#ban-list li").count() == left, "the ban to go")  # type: ignore[misc]
    assert hosted.server.operating.active_bans() == []
    console.shows("#no-bans", "No player is banned")
    assert page.evaluate(FOCUSED) == "bans-close"
    page.keyboard.press("Enter")
    assert page.evaluate(FOCUSED) == "bans-open"


def test_a_room_is_closed_by_keyboard(hosted: Hosted, opened: Callable[..., Viewer]) -> None:
    with hosted.client("ann", "hub") as ann, hosted.client("cem", "lounge") as cem:
        console = opened()
        page = console.page
        choose(page, "rooms", "hub")
        tab_to(page, "#close-room")
        page.keyboard.press("Enter")
        console.shows("#ask-text", "1 player and all watchers")
        page.keyboard.press("Enter")
        assert ann.closed_with()[0] == 4508
        console.shows("#result", "hub is closed. 1 connection ended.")
        until(lambda: page.locator("#rooms .name").all_text_contents() == ["lounge"], "the room to go")
        cem.socket.send(message(action="ping", t=1))
        cem.receive("pong")


def test_a_lobby_is_drained_by_keyboard(hosted: Hosted, opened: Callable[..., Viewer]) -> None:
    with hosted.client("ann", "hub") as ann:
        console = opened()
        page = console.page
        tab_to(page, "#drain", back=True)
        page.keyboard.press("Enter")
        console.shows("#ask-text", "asks 1 player to come back later")
        page.keyboard.type("0")
        page.keyboard.press("Enter")
        assert ann.closed_with()[0] == 4000
    hosted.thread.join(30)
    assert not hosted.thread.is_alive()
    console.shows("#state-text", "No answer")


def test_escape_closes_each_dialog_without_an_action_and_returns_the_focus(
    hosted: Hosted, opened: Callable[..., Viewer]
) -> None:
    with hosted.client("ann", "hub", name="Ann") as ann:
        console = opened()
        page = console.page
        choose(page, "players", "Ann")
        for opener in ("send-all", "bans-open", "drain", "send-room", "close-room", "kick", "ban"):
            tab_to(page, f"#{opener}")
            page.keyboard.press("Enter")
            until(lambda: page.locator("dialog[open]").count() == 1, f"the dialog of {opener}")
            assert page.evaluate("document.activeElement.closest('dialog[open]') !== null"), opener
            page.keyboard.press("Escape")
            until(lambda: page.locator("dialog[open]").count() == 0, "the dialog to close")
            assert page.evaluate(FOCUSED) == opener
        ann.socket.send(message(action="ping", t=1))
        ann.receive("pong")
        assert hosted.server.operating.active_bans() == []


# ── looks ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_control_is_reached_by_tab_with_a_visible_focus(hosted: Hosted, opened: Callable[..., Viewer]) -> None:
    with hosted.client("ann", "hub", name="Ann"):
        console = opened()
        page = console.page
        choose(page, "players", "Ann")
        page.locator("#details").wait_for()
        page.evaluate("document.body.tabIndex = -1; document.body.focus()")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.keyboard.press("ArrowDown")
        assert page.evaluate(FOCUSED_NAME) == "hub", "the link leads into the list of rooms"
        page.evaluate("document.body.focus()")
        reached = []
        for _ in range(40):
            page.keyboard.press("Tab")
            name, outline = page.evaluate(
                "[document.activeElement.id || document.activeElement.closest('ul')?.id || document.activeElement.className,"
                " getComputedStyle(document.activeElement).outlineStyle]"
            )
            if name in reached or not name:
                break
            assert outline == "solid", name
            reached.append(name)
        controls = "[...document.querySelectorAll('button, input, a, [tabindex=\"0\"]')]"
        shown = f"{controls}.filter((it) => it.checkVisibility() && !it.closest('ul')).map((it) => it.id || it.className)"
        assert reached[0] == "skip"
        assert set(reached) == {*page.evaluate(shown), "rooms", "players"}


@pytest.mark.parametrize("width", [320, 390, 700, 1280])
def test_no_width_needs_sideways_scrolling(hosted: Hosted, opened: Callable[..., Viewer], width: int) -> None:
    with hosted.client("ann", "hub", name="W" * 32):
        console = opened(viewport={"width": width, "height": 700})
        page = console.page
        page.locator("#players button").click()
        page.locator("#details").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.locator("#kick").scroll_into_view_if_needed()
        page.locator("#kick").click()
        box = page.locator("#ask").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width


def test_the_colours_follow_the_system_until_the_operator_chooses(hosted: Hosted, opened: Callable[..., Viewer]) -> None:
    with hosted.client("ann", "hub"):
        console = opened(color_scheme="dark")
        page = console.page

        def brightness() -> list[float]:
            """Of the page, and of the middle of the map, 0 to 255."""
            found: list[float] = page.evaluate(
                """() => {
                    const map = document.getElementById("map");
                    const middle = map.getContext("2d").getImageData(map.width / 2, map.height / 3, 1, 1).data;
                    const ground = getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number);
                    return [ground, [...middle]].map(([r, g, b]) => (r + g + b) / 3);
                }"""
            )
            return found

        until(lambda: all(value < 60 for value in brightness()), "a dark page")
        page.emulate_media(color_scheme="light")
        until(lambda: all(value > 200 for value in brightness()), "a light page")
        tab_to(page, "#theme", back=True)
        page.keyboard.press("Enter")
        until(lambda: all(value < 60 for value in brightness()), "a dark page again")
