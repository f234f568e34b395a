"""In whatever order invocations run, and wherever one of them crashes, in the end every client knows the whole room."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobby import messages as m
from lobby.budget import UNBOUND, BudgetState
from lobby.client.constants import CONFIRM_MS
from lobby.errors import CODES
from lobby.presence import Presence
from lobby.serverless.broadcast import NOT_YET_MS
from tests.dynamo import MotoStore
from tests.shared_memory import SharedMemory
from tests.stepped_room import LIVES_MS, Faults, Peer, SteppedRoom, StreamedStore, room_settings

PLAYERS = ["ann", "bea", "cem", "dan"]

seeds = st.integers(0, 2**32)


def play(room: SteppedRoom, chance: random.Random, *, crashes: float = 0.0, steps: int = 160) -> None:
    """A few seconds in which players join, move, send and leave, and invocations run in any order."""
    calls_in_a_row = chance.choice((1, 3, 8))  # some histories switch at every call, some let one invocation run for a while
    index, has_budget = 0, chance.random() < 0.3
    for _ in range(chance.randrange(20, steps)):
        if len(room.running) < 5 and chance.random() < 0.2:
            random_event(room, chance)
        elif has_budget and chance.random() < 0.03:
            room.change_budget(chance.choice((1, 2, 4)))
        elif chance.random() < 0.2:
            room.deliver_stream()
        else:
            index = chance.randrange(5) if chance.random() < 1 / calls_in_a_row else index
            # Only where invocations may crash does enough time pass for some to exceed the function's timeout.
            passes_ms = chance.choice((0, 0, 0, 1, 5, 400) if crashes else (0, 0, 0, 1, 5, 20))
            room.step(index, passes_ms, crash=chance.random() < crashes)


def random_event(room: SteppedRoom, chance: random.Random) -> None:
    there = room.open
    what = chance.random()
    if not there or what < 0.2:
        room.connect(chance.choice(PLAYERS), chance.choice((1, 2, 2)), watch=chance.random() < 0.1)
        return
    peer = chance.choice(there)
    if what < 0.65 and not peer.watch:
        room.move(peer)
    elif peer.watch:
        room.send(peer, action="hello" if what < 0.75 else "ping")
    elif what < 0.68:
        room.send(peer, action="status", status=chance.choice(("", "trading", "away")))
    elif what < 0.71:
        room.send(peer, action="data", data={chance.choice("ab"): chance.choice((None, 1, 2))})
    elif what < 0.72:
        room.send(peer, action="name", name=chance.choice(("", "Zed", "Yan")))
    elif what < 0.82:
        room.send(peer, action="hello")
    elif what < 0.87:
        room.send(peer, action="ping")
    else:
        room.disconnect(peer)


def play_without_faults(seed: int, store: StreamedStore) -> None:
    """A history in which nothing fails."""
    chance = random.Random(seed)
    room = SteppedRoom(store, Faults(chance))
    play(room, chance)
    room.finish()
    room.check()


def play_with_faults(seed: int, store: StreamedStore) -> None:
    """A history in which invocations crash, posts and the store fail, and the stream repeats batches."""
    chance = random.Random(seed)
    post, fails = chance.choice((0, 0.2)), chance.choice((0, 0.03))
    room = SteppedRoom(store, Faults(chance, post=post, store=fails, disconnect=0.3, repeat=0.2))
    play(room, chance, crashes=chance.choice((0, 0.02, 0.08)))
    room.settle()
    room.check()


@settings(max_examples=max(300, settings().max_examples))
@given(seeds)
def test_in_any_order_of_calls_every_client_knows_all_players_and_their_positions(seed: int) -> None:
    play_without_faults(seed, SharedMemory())


@settings(max_examples=max(150, settings().max_examples))
@given(seeds)
def test_after_crashes_and_faults_the_next_broadcast_delivers_all_that_is_pending(seed: int) -> None:
    play_with_faults(seed, SharedMemory())


@settings(max_examples=max(8, settings().max_examples // 20))
@given(seeds)
def test_the_same_holds_with_a_table_of_dynamodb(seed: int) -> None:
    play_without_faults(seed, MotoStore())
    play_with_faults(seed, MotoStore())


# ── cases that the search found, and cases known before it ──────────────────────────────────────────────────────────


def inside(room: SteppedRoom, *players: str, v: int = 2) -> list[Peer]:
    """Connects players; each has its welcome, and the others have its join."""
    peers = [room.connect(player, v) for player in players]
    room.finish()
    for peer in peers:
        peer.received.clear()
    return peers


def row_of(room: SteppedRoom, peer: Peer) -> Presence:
    row = room.store.get("lobby", peer.id)
    assert row is not None
    return row


def received(peer: Peer, kind: type[m.ServerMessage]) -> list[m.ServerMessage]:
    return [message for message in peer.received if isinstance(message, kind)]


def test_a_client_that_sends_nothing_gets_a_welcome_and_the_others_get_a_join() -> None:
    room = SteppedRoom()
    ann = room.connect("ann", v=1)
    room.finish()
    bea = room.connect("bea", v=1)
    room.finish()
    assert [type(message) for message in bea.received] == [m.Welcome]
    assert [type(message) for message in ann.received] == [m.Welcome, m.Join]
    room.disconnect(bea)
    room.finish()
    assert ann.received[-1] == m.Leave("bea")


def test_a_client_that_sends_hello_before_the_stream_arrives_gets_one_welcome() -> None:
    room = SteppedRoom()
    [ann] = inside(room, "ann")
    bea = room.connect("bea")
    while room.running:
        room.step()
    room.send(bea, action="hello")
    while room.running:
        room.step(ms=1)
    assert len(received(bea, m.Welcome)) == 1
    room.finish()
    assert len(received(bea, m.Welcome)) == 1, "the stream did not know of the first welcome"
    assert [type(message) for message in ann.received] == [m.Join]


def test_a_stream_that_is_faster_than_connect_retries_until_the_connection_is_open() -> None:
    room = SteppedRoom()
    bea = room.connect("bea")
    while not room.batch:
        room.step()
    bea.state = "connecting"  # the row is written, but the answer to $connect has not arrived
    room.deliver_stream()
    for _ in range(20):
        room.step(ms=1)
    assert not bea.received
    bea.state = "open"
    room.finish()
    assert [type(message) for message in bea.received] == [m.Welcome, m.Config]


def test_a_connection_that_opens_between_two_posts_receives_the_welcome_first() -> None:
    room = SteppedRoom()
    bea = room.connect("bea")
    while not room.batch:
        room.step()
    bea.state = "connecting"
    room.deliver_stream()
    assert room.announcing is not None
    room.until(room.announcing, "post")
    room.announcing.step()
    bea.state = "open"
    room.finish()
    assert [type(message) for message in bea.received] == [m.Welcome, m.Config]


def test_the_row_of_a_connect_that_failed_is_removed() -> None:
    room = SteppedRoom()
    [ann] = inside(room, "ann")
    bea = room.connect("bea")
    while not room.batch:
        room.step()
    bea.state = "dead"
    room.finish()
    assert ann.received == [m.Join(m.Player("bea", n=2, name="bea")), m.Leave("bea")]
    assert not [row for row in room.store.room("lobby") if row.player == "bea"]


def test_each_connection_receives_many_positions_in_one_message() -> None:
    room = SteppedRoom()
    ann, bea, cem = inside(room, "ann", "bea", "cem")
    for peer in (ann, bea, cem, ann, bea):
        room.move(peer)
    room.finish()
    for peer in (ann, bea, cem):
        [moves] = received(peer, m.Moves)
        assert isinstance(moves, m.Moves)
        assert sorted(n for n, _ in moves.entries) == [1, 2, 3]


def test_a_position_is_broadcast_once() -> None:
    room = SteppedRoom()
    ann, bea = inside(room, "ann", "bea", v=1)
    for _ in range(3):
        room.move(ann)
        room.finish()
    room.move(bea)
    room.finish()
    assert len(received(bea, m.PlayerPos)) == 3
    assert len(received(ann, m.PlayerPos)) == 1


def test_a_lone_player_receives_nothing_when_it_moves() -> None:
    room = SteppedRoom()
    [ann] = inside(room, "ann")
    room.move(ann)
    room.finish()
    assert ann.received == []


def test_a_leader_waits_until_the_one_before_has_finished_its_broadcast() -> None:
    """Without the lock a slower leader sent version 1, which does not number positions, an old position after a new one."""
    room = SteppedRoom()
    ann, _bea, _cem = inside(room, "ann", "bea", "cem", v=1)
    room.move(ann)
    first = room.running[0]
    room.until(first, "post")
    room.move(ann)
    second = room.running[1]
    for _ in range(30):
        room.now = max(room.now, second.ready_ms)
        second.step()
    assert not second.done, "it broadcast while the other invocation held the lock"
    room.finish()
    room.check()


def test_no_leave_is_followed_by_a_welcome_that_was_read_before_it() -> None:
    room = SteppedRoom()
    ann, bea = inside(room, "ann", "bea")
    room.send(ann, action="hello")
    hello = room.running[0]
    room.until(hello, "post")  # it has read that bea is in the room
    room.disconnect(bea)
    for turn in range(40):
        room.deliver_stream()
        others = [index for index, one in enumerate(room.running) if one is not hello]
        room.step(others[turn % len(others)] if others else 0, 1)
        if hello.next_call != "post":
            break
    room.finish()
    assert "bea" not in ann.roster.players


def test_after_two_leaders_crashed_the_third_broadcasts_their_positions() -> None:
    room = SteppedRoom()
    ann, bea, cem = inside(room, "ann", "bea", "cem")
    for peer in (ann, bea):
        room.move(peer)
        leader = room.running[-1]
        room.until(leader, "post")
        room.crash(leader)
        room.now += 2 * LIVES_MS
    room.move(cem)
    room.finish()
    room.check()


def test_a_position_whose_writer_crashed_before_it_looked_at_the_window_is_broadcast_after_a_ping() -> None:
    room = SteppedRoom()
    ann, bea = inside(room, "ann", "bea")
    room.move(ann)
    writer = room.running[0]
    room.until(writer, "lock_state")
    room.crash(writer)
    room.now += 2 * LIVES_MS
    room.send(bea, action="ping")
    room.finish()
    room.check()


@pytest.mark.parametrize("call", ["lock_state", "open_window", "wait", "acquire", "rows", "post", "release"])
def test_a_position_that_was_stored_is_broadcast_within_five_seconds_although_its_invocation_died(call: str) -> None:
    room = SteppedRoom()
    ann, _bea = inside(room, "ann", "bea")
    sent_ms = room.now
    room.move(ann)
    writer = room.running[0]
    room.until(writer, call)
    room.crash(writer)
    room.now = sent_ms + CONFIRM_MS
    room.send(ann, action="ping")
    room.finish()
    room.check()
    assert room.now - sent_ms <= 5_000


def test_a_ping_in_a_room_where_nothing_is_pending_broadcasts_nothing() -> None:
    room = SteppedRoom()
    ann, bea = inside(room, "ann", "bea")
    room.move(ann)
    room.finish()
    bea.received.clear()
    for _ in range(3):
        room.now += 2 * LIVES_MS
        room.send(bea, action="ping")
        room.finish()
    assert [type(message) for message in bea.received] == [m.Pong] * 3


def test_a_connection_that_missed_a_post_gets_a_welcome_as_soon_as_it_can_be_reached() -> None:
    room = SteppedRoom()
    ann, _bea = inside(room, "ann", "bea")
    room.faults = Faults(random.Random(1), post=1.0)
    room.move(ann)
    while "needs_welcome" not in [one.next_call for one in room.running]:
        room.step(ms=1)
    room.faults = Faults(random.Random(1))
    room.finish()
    assert not room.store.rows("lobby").needs_welcome_ms
    room.check()


def test_a_connection_that_cannot_be_reached_for_half_a_minute_is_closed() -> None:
    room = SteppedRoom()
    ann, bea = inside(room, "ann", "bea")
    room.faults = Faults(random.Random(1), post=1.0)
    for _ in range(8):
        room.move(ann)
        room.finish()
        room.now += 5_000
    assert bea.state == "dead"


def test_a_post_finds_a_connection_that_is_gone_and_the_others_receive_its_leave() -> None:
    room = SteppedRoom()
    ann, bea, cem = inside(room, "ann", "bea", "cem")
    cem.state = "dead"  # and API Gateway never reports it
    room.now += NOT_YET_MS
    room.move(ann)
    room.finish()
    assert ann.received == [m.Leave("cem")]
    assert [type(message) for message in bea.received] == [m.Moves, m.Leave]


def test_a_ping_of_any_player_finds_a_connection_that_was_silent_for_two_heartbeats() -> None:
    room = SteppedRoom()
    ann, bea = inside(room, "ann", "bea")
    room.now += 3 * room.settings.heartbeat_ms
    room.send(ann, action="ping")
    room.finish()
    assert bea.state == "dead"
    assert received(bea, m.Error) == [m.Error("silent", CODES["silent"].meaning, close=4001)]
    assert received(ann, m.Leave) == [m.Leave("bea")]


def test_a_connection_without_a_row_is_closed_and_asked_to_come_back() -> None:
    room = SteppedRoom()
    [ann] = inside(room, "ann")
    room.store.remove("lobby", ann.id)
    for text in ('{"action":"pos","x":1,"y":0}', '{"action":"hello"}', '{"action":"ping"}', '{"action":"status","status":"x"}'):
        ann.state = "open"
        room.send_text(ann, text)
        room.finish()
        assert ann.state == "dead"


def test_a_connection_that_read_an_old_position_while_it_connected_does_not_broadcast_it() -> None:
    room = SteppedRoom()
    ann, bea = inside(room, "ann", "bea", v=1)
    room.move(ann)
    room.finish()
    room.connect("ann", v=1)
    late = room.running[-1]
    room.until(late, "add")  # it has read the position of ann
    room.running.remove(late)
    room.move(ann)
    room.finish()
    room.running.append(late)
    room.finish()
    room.check()
    assert [message.at.x for message in received(bea, m.PlayerPos) if isinstance(message, m.PlayerPos)] == [1, 2]


def test_a_position_of_the_newer_of_two_connections_stays_when_that_connection_is_gone_first() -> None:
    room = SteppedRoom()
    ann, bea = inside(room, "ann", "bea")
    newer = room.connect("ann")
    while room.running:
        room.step()
    room.move(newer)
    while room.running:
        room.step(ms=10)
    room.disconnect(newer)
    room.finish()
    room.check()
    assert ann.state == "open"
    assert bea.roster.players["ann"].at.x == 1


def test_the_older_of_two_connections_receives_everything_until_it_is_closed() -> None:
    room = SteppedRoom()
    [ann] = inside(room, "ann")
    room.connect("ann")
    while room.running:
        room.step()
    newer = room.open[-1]
    room.disconnect(newer)
    while room.running:
        room.step()
    room.connect("bea")
    room.finish()
    assert "bea" in ann.roster.players
    room.check()


def test_a_status_that_a_late_join_overwrote_is_broadcast_again() -> None:
    room = SteppedRoom()
    ann, bea = inside(room, "ann", "bea")
    room.connect("ann")
    late = room.running[-1]
    room.until(late, "add")  # it has read that ann has no status
    room.send(ann, action="status", status="away")
    while len(room.running) > 1:
        room.step(1, 1)
    while not late.done:
        room.step()
    room.disconnect(ann)
    room.finish()
    room.check()
    assert bea.roster.players["ann"].status == "away"


def test_when_the_budget_runs_short_every_connection_gets_one_config_that_asks_it_to_send_less() -> None:
    room = SteppedRoom()
    ann, bea = inside(room, "ann", "bea")
    room.change_budget(4)
    room.known = room.known[-1:]
    for _ in range(3):
        room.move(ann)
        room.finish()
    assert len(received(bea, m.Config)) == 1
    assert bea.send_ms == 4 * room.settings.send_ms
    assert received(ann, m.Config) == received(bea, m.Config)
    [cem] = inside(room, "cem")
    room.send(cem, action="hello")
    room.finish()
    assert received(cem, m.Config) == received(bea, m.Config)


def test_an_invocation_with_an_older_budget_state_does_not_revoke_a_newer_one() -> None:
    room = SteppedRoom()
    ann, bea = inside(room, "ann", "bea")
    room.change_budget(2)
    newest = room.known[-1]
    for known in (newest, UNBOUND, newest, UNBOUND):
        room.known = [known]
        room.move(ann)
        room.finish()
    assert len(received(bea, m.Config)) == 1
    assert bea.send_ms == 2 * room.settings.send_ms


def test_a_stretched_window_waits_longer_and_loses_nothing() -> None:
    room = SteppedRoom()
    ann, bea = inside(room, "ann", "bea")
    room.known = [BudgetState(8, as_of_ms=room.now)]
    began = room.now
    room.move(ann)
    room.move(bea)
    room.finish()
    assert room.now - began >= 8 * room.settings.window_ms
    room.check()


def test_when_the_budget_is_spent_new_players_are_refused_and_present_players_may_reconnect() -> None:
    room = SteppedRoom()
    [ann] = inside(room, "ann")
    room.known = [BudgetState(32, True, room.now)]
    stranger, again = room.connect("bea"), room.connect("ann")
    room.finish()
    assert (stranger.state, again.state) == ("dead", "open")
    assert [row.connection for row in room.store.room("lobby")] == [again.id]
    assert ann.state == "dead", "taken over"


def test_a_full_room_refuses_a_player_and_writes_nothing() -> None:
    room = SteppedRoom(settings=room_settings(room_size=1))
    inside(room, "ann")
    room.connect("bea")
    room.finish()
    assert [row.player for row in room.store.room("lobby")] == ["ann"]


@pytest.mark.parametrize("text", ['{"action":"fly"}', "no", '{"action":"pos","x":"1","y":0}', "[]"])
def test_only_the_sender_of_a_wrong_message_receives_an_error(text: str) -> None:
    room = SteppedRoom()
    ann, bea = inside(room, "ann", "bea")
    before = row_of(room, ann)
    room.send_text(ann, text)
    room.finish()
    assert [type(message) for message in ann.received] == [m.Error]
    assert bea.received == []
    after = row_of(room, ann)
    assert after == before._replace(seen_ms=after.seen_ms), "only the time when it was last seen may change"


def test_a_client_that_sends_too_fast_is_refused_although_each_message_is_an_invocation_of_its_own() -> None:
    room = SteppedRoom(settings=room_settings(messages_per_s=10, messages_burst=5))
    ann, bea = inside(room, "ann", "bea")
    for _ in range(20):
        room.move(ann)
    room.finish()
    assert row_of(room, ann).at.x == 5
    assert [message.code for message in received(ann, m.Error) if isinstance(message, m.Error)] == ["rate_limited"]
    assert received(bea, m.Error) == []


def test_a_flood_is_closed() -> None:
    room = SteppedRoom(settings=room_settings(messages_per_s=10, messages_burst=5))
    [ann] = inside(room, "ann")
    for _ in range(150):
        room.send_text(ann, "garbage")
    room.finish()
    assert ann.state == "dead"
    assert m.Error("flood", CODES["flood"].meaning, close=4003) in received(ann, m.Error)


def test_a_teleport_is_refused_although_the_invocation_knows_nothing_of_the_one_before() -> None:
    room = SteppedRoom(settings=room_settings(max_speed=10))
    ann, bea = inside(room, "ann", "bea")
    room.send(ann, action="pos", x=0, y=0)
    room.finish()
    room.send(ann, action="pos", x=500, y=0)
    room.finish()
    assert received(ann, m.Error)[-1] == m.Error("too_fast", "top speed here is 10 units a second; you are at 0, 0", 0, 0)
    assert bea.roster.players["ann"].at.x == 0


def test_two_positions_at_the_same_time_get_a_player_no_farther_than_one() -> None:
    room = SteppedRoom(settings=room_settings(max_speed=10))
    [ann] = inside(room, "ann")
    room.send(ann, action="pos", x=0, y=0)
    room.finish()
    room.now += 1_000
    for x in (20, -15):  # each is near enough alone, but not one after the other
        room.send(ann, action="pos", x=x, y=0)
    first, second = room.running
    room.until(first, "set_position")
    room.until(second, "set_position")
    room.finish()
    assert row_of(room, ann).at.x == 20
