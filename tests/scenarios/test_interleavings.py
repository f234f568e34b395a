"""Whatever the order in which invocations run, and wherever one of them dies, everybody knows the truth in the end."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobby import messages as m
from lobby.budget import UNBOUND, BudgetState
from lobby.errors import CODES
from lobby.presence import Presence
from lobby.serverless.broadcast import NOT_YET_MS
from tests.cloud import LIVES_MS, Cloud, Faults, Peer, StreamedStore, cloud_settings
from tests.dynamo import Streamed
from tests.shared_memory import SharedMemory

PLAYERS = ["ann", "bea", "cem", "dan"]

seeds = st.integers(0, 2**32)


def play(cloud: Cloud, chance: random.Random, *, crashes: float = 0.0, steps: int = 160) -> None:
    """A few seconds in which players come, move, speak and go, and invocations run in any order."""
    patience = chance.choice((1, 3, 8))  # some histories let one invocation run for a while, some switch at every call
    index, is_short_of_money = 0, chance.random() < 0.3
    for _ in range(chance.randrange(20, steps)):
        if len(cloud.running) < 5 and chance.random() < 0.2:
            happen(cloud, chance)
        elif is_short_of_money and chance.random() < 0.03:
            cloud.learn(chance.choice((1, 2, 4)))
        elif chance.random() < 0.2:
            cloud.bring_stream()
        else:
            index = chance.randrange(5) if chance.random() < 1 / patience else index
            # Only where invocations may die does so much time pass that some outlive the function's timeout.
            passes_ms = chance.choice((0, 0, 0, 1, 5, 400) if crashes else (0, 0, 0, 1, 5, 20))
            cloud.step(index, passes_ms, crash=chance.random() < crashes)


def happen(cloud: Cloud, chance: random.Random) -> None:
    there = cloud.open
    what = chance.random()
    if not there or what < 0.2:
        peer = cloud.connect(chance.choice(PLAYERS), chance.choice((1, 2, 2)))
        return
    peer = chance.choice(there)
    if what < 0.65:
        cloud.move(peer)
    elif what < 0.72:
        cloud.say(peer, action="status", status=chance.choice(("", "trading", "away")))
    elif what < 0.82:
        cloud.say(peer, action="hello")
    elif what < 0.87:
        cloud.say(peer, action="ping")
    else:
        cloud.disconnect(peer)


def all_goes_well(seed: int, store: StreamedStore) -> None:
    """A history in which nothing fails."""
    chance = random.Random(seed)
    cloud = Cloud(store, Faults(chance))
    play(cloud, chance)
    cloud.finish()
    cloud.check()


def much_goes_wrong(seed: int, store: StreamedStore) -> None:
    """A history in which invocations die, posts and the store fail, and the stream repeats itself."""
    chance = random.Random(seed)
    post, fails = chance.choice((0, 0.2)), chance.choice((0, 0.03))
    cloud = Cloud(store, Faults(chance, post=post, store=fails, disconnect=0.3, repeat=0.2))
    play(cloud, chance, crashes=chance.choice((0, 0.02, 0.08)))
    cloud.settle()
    cloud.check()


@settings(max_examples=max(300, settings().max_examples))
@given(seeds)
def test_whatever_the_order_everybody_knows_who_is_here_and_where(seed: int) -> None:
    all_goes_well(seed, SharedMemory())


@settings(max_examples=max(150, settings().max_examples))
@given(seeds)
def test_wherever_one_dies_and_whatever_fails_the_next_to_speak_makes_it_good(seed: int) -> None:
    much_goes_wrong(seed, SharedMemory())


@settings(max_examples=max(8, settings().max_examples // 20))
@given(seeds)
def test_the_same_holds_with_a_table_of_dynamodb(seed: int) -> None:
    all_goes_well(seed, Streamed())
    much_goes_wrong(seed, Streamed())


# ── found by the search, or thought of before it ────────────────────────────────────────────────────────────────────


def inside(cloud: Cloud, *players: str, v: int = 2) -> list[Peer]:
    """Players who are connected, welcomed and announced."""
    peers = [cloud.connect(player, v) for player in players]
    cloud.finish()
    for peer in peers:
        peer.heard.clear()
    return peers


def row_of(cloud: Cloud, peer: Peer) -> Presence:
    row = cloud.store.get("lobby", peer.id)
    assert row is not None
    return row


def told(peer: Peer, kind: type[m.ServerMessage]) -> list[m.ServerMessage]:
    return [message for message in peer.heard if isinstance(message, kind)]


def test_who_says_nothing_is_welcomed_and_the_others_hear_of_a_join() -> None:
    cloud = Cloud()
    ann = cloud.connect("ann", v=1)
    cloud.finish()
    bea = cloud.connect("bea", v=1)
    cloud.finish()
    assert [type(message) for message in bea.heard] == [m.Welcome]
    assert [type(message) for message in ann.heard] == [m.Welcome, m.Join]
    cloud.disconnect(bea)
    cloud.finish()
    assert ann.heard[-1] == m.Leave("bea")


def test_who_says_hello_before_the_stream_has_come_is_welcomed_once() -> None:
    cloud = Cloud()
    [ann] = inside(cloud, "ann")
    bea = cloud.connect("bea")
    while cloud.running:
        cloud.step()
    cloud.say(bea, action="hello")
    while cloud.running:
        cloud.step(ms=1)
    assert len(told(bea, m.Welcome)) == 1
    cloud.finish()
    assert len(told(bea, m.Welcome)) == 1, "the stream did not know"
    assert [type(message) for message in ann.heard] == [m.Join]


def test_a_stream_that_is_faster_than_connect_knocks_until_somebody_is_there() -> None:
    cloud = Cloud()
    bea = cloud.connect("bea")
    while not cloud.batch:
        cloud.step()
    bea.state = "connecting"  # the row is written, and the answer to $connect takes its time
    cloud.bring_stream()
    for _ in range(20):
        cloud.step(ms=1)
    assert not bea.heard
    bea.state = "open"
    cloud.finish()
    assert [type(message) for message in bea.heard] == [m.Welcome, m.Config]


def test_a_connection_that_opens_between_two_posts_hears_the_welcome_first() -> None:
    cloud = Cloud()
    bea = cloud.connect("bea")
    while not cloud.batch:
        cloud.step()
    bea.state = "connecting"
    cloud.bring_stream()
    assert cloud.telling is not None
    cloud.until(cloud.telling, "post")
    cloud.telling.step()
    bea.state = "open"
    cloud.finish()
    assert [type(message) for message in bea.heard] == [m.Welcome, m.Config]


def test_a_row_whose_connect_died_does_not_stay() -> None:
    cloud = Cloud()
    [ann] = inside(cloud, "ann")
    bea = cloud.connect("bea")
    while not cloud.batch:
        cloud.step()
    bea.state = "dead"
    cloud.finish()
    assert ann.heard == [m.Join(m.Player("bea", n=2, name="bea")), m.Leave("bea")]
    assert not [row for row in cloud.store.room("lobby") if row.player == "bea"]


def test_many_positions_are_told_in_one_message_to_each() -> None:
    cloud = Cloud()
    ann, bea, cem = inside(cloud, "ann", "bea", "cem")
    for peer in (ann, bea, cem, ann, bea):
        cloud.move(peer)
    cloud.finish()
    for peer in (ann, bea, cem):
        [moves] = told(peer, m.Moves)
        assert isinstance(moves, m.Moves)
        assert sorted(n for n, _ in moves.entries) == [1, 2, 3]


def test_what_was_told_is_not_told_again() -> None:
    cloud = Cloud()
    ann, bea = inside(cloud, "ann", "bea", v=1)
    for _ in range(3):
        cloud.move(ann)
        cloud.finish()
    cloud.move(bea)
    cloud.finish()
    assert len(told(bea, m.PlayerPos)) == 3
    assert len(told(ann, m.PlayerPos)) == 1


def test_who_is_alone_is_told_nothing_when_it_moves() -> None:
    cloud = Cloud()
    [ann] = inside(cloud, "ann")
    cloud.move(ann)
    cloud.finish()
    assert ann.heard == []


def test_a_leader_waits_until_the_one_before_has_told() -> None:
    """To version 1, which does not count, the slower leader told an old position after a new one."""
    cloud = Cloud()
    ann, _bea, _cem = inside(cloud, "ann", "bea", "cem", v=1)
    cloud.move(ann)
    first = cloud.running[0]
    cloud.until(first, "post")
    cloud.move(ann)
    second = cloud.running[1]
    for _ in range(30):
        cloud.now = max(cloud.now, second.ready_ms)
        second.step()
    assert not second.done, "it told while the other was about to tell"
    cloud.finish()
    cloud.check()


def test_no_leave_is_followed_by_a_welcome_that_was_read_before_it() -> None:
    cloud = Cloud()
    ann, bea = inside(cloud, "ann", "bea")
    cloud.say(ann, action="hello")
    hello = cloud.running[0]
    cloud.until(hello, "post")  # it has read that bea is here
    cloud.disconnect(bea)
    for turn in range(40):
        cloud.bring_stream()
        others = [index for index, one in enumerate(cloud.running) if one is not hello]
        cloud.step(others[turn % len(others)] if others else 0, 1)
        if hello.next_call != "post":
            break
    cloud.finish()
    assert "bea" not in ann.roster.players


def test_what_two_leaders_in_a_row_died_over_is_told_by_the_third() -> None:
    cloud = Cloud()
    ann, bea, cem = inside(cloud, "ann", "bea", "cem")
    for peer in (ann, bea):
        cloud.move(peer)
        leader = cloud.running[-1]
        cloud.until(leader, "post")
        cloud.crash(leader)
        cloud.now += 2 * LIVES_MS
    cloud.move(cem)
    cloud.finish()
    cloud.check()


def test_a_position_whose_writer_died_before_it_looked_is_told_by_a_ping() -> None:
    cloud = Cloud()
    ann, bea = inside(cloud, "ann", "bea")
    cloud.move(ann)
    writer = cloud.running[0]
    cloud.until(writer, "lock_state")
    cloud.crash(writer)
    cloud.now += 2 * LIVES_MS
    cloud.say(bea, action="ping")
    cloud.finish()
    cloud.check()


def test_a_ping_in_a_room_where_all_was_told_tells_nothing() -> None:
    cloud = Cloud()
    ann, bea = inside(cloud, "ann", "bea")
    cloud.move(ann)
    cloud.finish()
    bea.heard.clear()
    for _ in range(3):
        cloud.now += 2 * LIVES_MS
        cloud.say(bea, action="ping")
        cloud.finish()
    assert [type(message) for message in bea.heard] == [m.Pong] * 3


def test_who_missed_a_post_is_told_everything_as_soon_as_it_can_be_reached() -> None:
    cloud = Cloud()
    ann, _bea = inside(cloud, "ann", "bea")
    cloud.faults = Faults(random.Random(1), post=1.0)
    cloud.move(ann)
    while "needs_welcome" not in [one.next_call for one in cloud.running]:
        cloud.step(ms=1)
    cloud.faults = Faults(random.Random(1))
    cloud.finish()
    assert not cloud.store.rows("lobby").needs_welcome_ms
    cloud.check()


def test_who_cannot_be_reached_for_half_a_minute_is_cut() -> None:
    cloud = Cloud()
    ann, bea = inside(cloud, "ann", "bea")
    cloud.faults = Faults(random.Random(1), post=1.0)
    for _ in range(8):
        cloud.move(ann)
        cloud.finish()
        cloud.now += 5_000
    assert bea.state == "dead"


def test_a_connection_that_is_gone_is_found_by_a_post_and_its_leave_is_told_to_the_others() -> None:
    cloud = Cloud()
    ann, bea, cem = inside(cloud, "ann", "bea", "cem")
    cem.state = "dead"  # and API Gateway never says so
    cloud.now += NOT_YET_MS
    cloud.move(ann)
    cloud.finish()
    assert ann.heard == [m.Leave("cem")]
    assert [type(message) for message in bea.heard] == [m.Moves, m.Leave]


def test_who_is_silent_for_two_heartbeats_is_found_by_anybodys_ping() -> None:
    cloud = Cloud()
    ann, bea = inside(cloud, "ann", "bea")
    cloud.now += 3 * cloud.settings.heartbeat_ms
    cloud.say(ann, action="ping")
    cloud.finish()
    assert bea.state == "dead"
    assert told(bea, m.Error) == [m.Error("silent", CODES["silent"].meaning, close=4001)]
    assert told(ann, m.Leave) == [m.Leave("bea")]


def test_who_speaks_without_a_row_is_sent_away_to_come_back() -> None:
    cloud = Cloud()
    [ann] = inside(cloud, "ann")
    cloud.store.remove("lobby", ann.id)
    for text in ('{"action":"pos","x":1,"y":0}', '{"action":"hello"}', '{"action":"ping"}', '{"action":"status","status":"x"}'):
        ann.state = "open"
        cloud.hear(ann, text)
        cloud.finish()
        assert ann.state == "dead"


def test_a_third_connection_that_read_an_old_position_tells_no_old_position() -> None:
    cloud = Cloud()
    ann, bea = inside(cloud, "ann", "bea", v=1)
    cloud.move(ann)
    cloud.finish()
    cloud.connect("ann", v=1)
    late = cloud.running[-1]
    cloud.until(late, "add")  # it has read where ann stands
    cloud.running.remove(late)
    cloud.move(ann)
    cloud.finish()
    cloud.running.append(late)
    cloud.finish()
    cloud.check()
    assert [message.at.x for message in told(bea, m.PlayerPos) if isinstance(message, m.PlayerPos)] == [1, 2]


def test_what_the_newer_of_two_connections_said_stays_true_when_it_is_gone_first() -> None:
    cloud = Cloud()
    ann, bea = inside(cloud, "ann", "bea")
    newer = cloud.connect("ann")
    while cloud.running:
        cloud.step()
    cloud.move(newer)
    while cloud.running:
        cloud.step(ms=10)
    cloud.disconnect(newer)
    cloud.finish()
    cloud.check()
    assert ann.state == "open"
    assert bea.roster.players["ann"].at.x == 1


def test_the_older_of_two_connections_hears_everything_until_it_is_closed() -> None:
    cloud = Cloud()
    [ann] = inside(cloud, "ann")
    cloud.connect("ann")
    while cloud.running:
        cloud.step()
    newer = cloud.open[-1]
    cloud.disconnect(newer)
    while cloud.running:
        cloud.step()
    cloud.connect("bea")
    cloud.finish()
    assert "bea" in ann.roster.players
    cloud.check()


def test_a_status_that_a_join_took_back_is_told_again() -> None:
    cloud = Cloud()
    ann, bea = inside(cloud, "ann", "bea")
    cloud.connect("ann")
    late = cloud.running[-1]
    cloud.until(late, "add")  # it has read that ann has no status
    cloud.say(ann, action="status", status="away")
    while len(cloud.running) > 1:
        cloud.step(1, 1)
    while not late.done:
        cloud.step()
    cloud.disconnect(ann)
    cloud.finish()
    cloud.check()
    assert bea.roster.players["ann"].status == "away"


def test_when_money_runs_short_everybody_is_told_once_to_send_less() -> None:
    cloud = Cloud()
    ann, bea = inside(cloud, "ann", "bea")
    cloud.learn(4)
    cloud.known = cloud.known[-1:]
    for _ in range(3):
        cloud.move(ann)
        cloud.finish()
    assert len(told(bea, m.Config)) == 1
    assert bea.send_ms == 4 * cloud.settings.send_ms
    assert told(ann, m.Config) == told(bea, m.Config)
    [cem] = inside(cloud, "cem")
    cloud.say(cem, action="hello")
    cloud.finish()
    assert told(cem, m.Config) == told(bea, m.Config)


def test_who_knows_yesterdays_account_does_not_take_back_what_was_told_after_it() -> None:
    cloud = Cloud()
    ann, bea = inside(cloud, "ann", "bea")
    cloud.learn(2)
    newest = cloud.known[-1]
    for known in (newest, UNBOUND, newest, UNBOUND):
        cloud.known = [known]
        cloud.move(ann)
        cloud.finish()
    assert len(told(bea, m.Config)) == 1
    assert bea.send_ms == 2 * cloud.settings.send_ms


def test_a_stretched_window_waits_longer_and_loses_nothing() -> None:
    cloud = Cloud()
    ann, bea = inside(cloud, "ann", "bea")
    cloud.known = [BudgetState(8, as_of_ms=cloud.now)]
    began = cloud.now
    cloud.move(ann)
    cloud.move(bea)
    cloud.finish()
    assert cloud.now - began >= 8 * cloud.settings.window_ms
    cloud.check()


def test_when_the_budget_is_spent_nobody_new_comes_in_and_who_is_inside_may_come_back() -> None:
    cloud = Cloud()
    [ann] = inside(cloud, "ann")
    cloud.known = [BudgetState(32, True, cloud.now)]
    stranger, again = cloud.connect("bea"), cloud.connect("ann")
    cloud.finish()
    assert (stranger.state, again.state) == ("dead", "open")
    assert [row.connection for row in cloud.store.room("lobby")] == [again.id]
    assert ann.state == "dead", "taken over"


def test_a_room_that_is_full_takes_nobody_and_writes_nothing() -> None:
    cloud = Cloud(settings=cloud_settings(room_size=1))
    inside(cloud, "ann")
    cloud.connect("bea")
    cloud.finish()
    assert [row.player for row in cloud.store.room("lobby")] == ["ann"]


@pytest.mark.parametrize("text", ['{"action":"fly"}', "no", '{"action":"pos","x":"1","y":0}', "[]"])
def test_a_wrong_message_is_its_senders_affair(text: str) -> None:
    cloud = Cloud()
    ann, bea = inside(cloud, "ann", "bea")
    before = row_of(cloud, ann)
    cloud.hear(ann, text)
    cloud.finish()
    assert [type(message) for message in ann.heard] == [m.Error]
    assert bea.heard == []
    after = row_of(cloud, ann)
    assert after == before._replace(seen_ms=after.seen_ms), "only that it was seen"


def test_who_is_faster_than_the_limit_is_refused_although_each_message_is_an_invocation_of_its_own() -> None:
    cloud = Cloud(settings=cloud_settings(messages_per_s=10, messages_burst=5))
    ann, bea = inside(cloud, "ann", "bea")
    for _ in range(20):
        cloud.move(ann)
    cloud.finish()
    assert row_of(cloud, ann).at.x == 5
    assert [message.code for message in told(ann, m.Error) if isinstance(message, m.Error)] == ["rate_limited"]
    assert told(bea, m.Error) == []


def test_a_flood_is_cut() -> None:
    cloud = Cloud(settings=cloud_settings(messages_per_s=10, messages_burst=5))
    [ann] = inside(cloud, "ann")
    for _ in range(150):
        cloud.hear(ann, "garbage")
    cloud.finish()
    assert ann.state == "dead"
    assert m.Error("flood", CODES["flood"].meaning, close=4003) in told(ann, m.Error)


def test_a_teleport_is_refused_although_the_invocation_knows_nothing_of_the_one_before() -> None:
    cloud = Cloud(settings=cloud_settings(max_speed=10))
    ann, bea = inside(cloud, "ann", "bea")
    cloud.say(ann, action="pos", x=0, y=0)
    cloud.finish()
    cloud.say(ann, action="pos", x=500, y=0)
    cloud.finish()
    assert told(ann, m.Error)[-1] == m.Error("too_fast", "top speed here is 10 units a second; you are at 0, 0", 0, 0)
    assert bea.roster.players["ann"].at.x == 0


def test_two_positions_at_once_get_nobody_farther_than_one() -> None:
    cloud = Cloud(settings=cloud_settings(max_speed=10))
    [ann] = inside(cloud, "ann")
    cloud.say(ann, action="pos", x=0, y=0)
    cloud.finish()
    cloud.now += 1_000
    for x in (20, -15):  # either is near enough, one after the other is not
        cloud.say(ann, action="pos", x=x, y=0)
    first, second = cloud.running
    cloud.until(first, "set_position")
    cloud.until(second, "set_position")
    cloud.finish()
    assert row_of(cloud, ann).at.x == 20
