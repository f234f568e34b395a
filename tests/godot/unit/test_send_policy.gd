extends RefCounted

const SendPolicy := preload("res://addons/lobby_presence/internal/send_policy.gd")
const Walker := preload("../walker.gd")
const Network := preload("../network.gd")
const FRAME_MS := 1000.0 / 60.0

var _policy := SendPolicy.new()
var _said: Array[LobbyPosition] = []
var _said_ms: Array[float] = []
var _ms := 0.0


func test_the_first_place_is_said_at_once() -> void:
	_go(FRAME_MS, func(_at: float) -> LobbyPosition: return LobbyPosition.new(Vector2(1.0, 2.0)))
	assert(_said.size() == 1)


func test_straight_on_is_said_once_a_second() -> void:
	_go(10_000.0, _straight)
	assert(_said.size() >= 10 and _said.size() <= 11, "%d" % _said.size())


func test_who_stands_says_no_more() -> void:
	_go(60_000.0, func(_at: float) -> LobbyPosition: return LobbyPosition.new(Vector2(1.0, 2.0), Vector2.ZERO, 0.5))
	assert(_said.size() == 1)


func test_who_comes_to_rest_says_so_once_and_exactly() -> void:
	_go(3_000.0, _straight)
	var end := _straight(_ms).position
	_go(60_000.0, func(_at: float) -> LobbyPosition: return LobbyPosition.new(end))
	assert(_said[-1].is_at_rest() and _said[-1].position.is_equal_approx(end.snappedf(0.01)))
	assert(_said.filter(func(move: LobbyPosition) -> bool: return move.is_at_rest()).size() == 1)


func test_who_sets_out_says_so_when_it_shows() -> void:
	_go(5_000.0, func(_at: float) -> LobbyPosition: return LobbyPosition.new(Vector2.ZERO))
	var from := _ms
	_go(
		1_000.0,
		func(ms: float) -> LobbyPosition: return LobbyPosition.new(Vector2(0.012 * (ms - from), 0.0), Vector2(12.0, 0.0))
	)
	assert(_said_ms[1] - from < 30.0)


func test_a_bend_is_said_a_moment_later_not_at_once() -> void:
	_go(2_050.0, _straight)
	var from := _ms
	var corner := _straight(_ms).position
	_go(
		200.0,
		func(ms: float) -> LobbyPosition:
			return LobbyPosition.new(corner + Vector2(0.0, 0.012 * (ms - from)), Vector2(0.0, 12.0))
	)
	var after := _said_ms.filter(func(ms: float) -> bool: return ms > from)
	assert(after.size() == 1)
	assert(after[0] - from >= SendPolicy.PATIENCE_MS and after[0] - from < SendPolicy.PATIENCE_MS + 50.0)


func test_it_never_speaks_faster_than_it_is_told() -> void:
	for send_ms: float in [33.0, 100.0, 500.0]:
		_policy = SendPolicy.new()
		_policy.send_ms = send_ms
		_said_ms.clear()
		_go(
			5_000.0,
			func(_at: float) -> LobbyPosition: return LobbyPosition.new(Vector2(randf(), randf()) * 50.0, Vector2(1.0, 1.0))
		)
		for i in range(1, _said_ms.size()):
			assert(_said_ms[i] - _said_ms[i - 1] >= send_ms)


func test_the_last_place_is_said_although_it_came_too_soon() -> void:
	_policy.update(LobbyPosition.new(Vector2(1.0, 0.0)), 0.0)
	_policy.due(0.0)
	_policy.update(LobbyPosition.new(Vector2(9.0, 0.0)), 10.0)
	assert(_policy.due(10.0) == null)
	assert(_policy.due(500.0).position == Vector2(9.0, 0.0))


func test_who_is_not_moved_any_more_stands() -> void:
	_go(1_000.0, _straight)
	var move: LobbyPosition = null
	for ms in range(1_000, 3_000, 16):
		var said := _policy.due(ms)
		move = said if said != null else move
	assert(move.is_at_rest() and move.position.is_equal_approx(_straight(_ms - FRAME_MS).position.snappedf(0.01)))
	assert(move.t > 200 and move.t < 400)  # it stands there now, not when the others' clocks began


func test_to_turn_on_the_spot_is_said_now_and_then_and_at_the_end() -> void:
	_go(2_000.0, func(ms: float) -> LobbyPosition: return LobbyPosition.new(Vector2.ZERO, Vector2.ZERO, minf(ms / 1000.0, 1.5)))
	assert(_said.size() >= 4 and _said.size() <= 7, "%d" % _said.size())
	assert(_said[-1].heading == 1.5)


func test_what_the_lobby_does_not_know_is_said_again_but_not_before_it_may() -> void:
	_go(1_000.0, func(_at: float) -> LobbyPosition: return LobbyPosition.new(Vector2(1.0, 2.0)))
	_policy.forget_unless(Vector2(1.0, 2.0))
	_go(500.0, func(_at: float) -> LobbyPosition: return LobbyPosition.new(Vector2(1.0, 2.0)))
	assert(_said.size() == 1)
	_policy.forget_unless(Vector2.ZERO)
	_go(500.0, func(_at: float) -> LobbyPosition: return LobbyPosition.new(Vector2(1.0, 2.0)))
	assert(_said.size() == 2)
	_policy.forget(_ms + 1_000.0)
	var from := _ms
	_go(2_000.0, func(_at: float) -> LobbyPosition: return LobbyPosition.new(Vector2(1.0, 2.0)))
	assert(_said.size() == 3 and _said_ms[-1] >= from + 1_000.0)


func test_it_says_much_less_than_a_fixed_rhythm() -> void:
	var fixed := 0
	var by_policy := 0
	for number in 6:
		var path := Walker.new(number, 60.0)
		fixed += Network.fixed(path).size()
		by_policy += Network.by_policy(path).size()
	assert(by_policy < 0.75 * fixed, "%d of %d" % [by_policy, fixed])


func _straight(ms: float) -> LobbyPosition:
	return LobbyPosition.new(Vector2(0.012 * ms, 0.0), Vector2(12.0, 0.0))


func _go(for_ms: float, path: Callable) -> void:
	var until_ms := _ms + for_ms
	while _ms < until_ms:
		var move: LobbyPosition = path.call(_ms)
		_policy.update(move, _ms)
		var said := _policy.due(_ms)
		if said != null:
			_said.append(said)
			_said_ms.append(_ms)
		_ms += FRAME_MS
