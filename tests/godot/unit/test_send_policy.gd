extends RefCounted

const SendPolicy := preload("res://addons/lobby_presence/internal/send_policy.gd")
const Walker := preload("../walker.gd")
const Network := preload("../network.gd")
const FRAME_MS := 1000.0 / 60.0

var _policy := SendPolicy.new()
var _sent: Array[LobbyPosition] = []
var _sent_ms: Array[float] = []
var _ms := 0.0


func test_the_first_position_is_due_at_once() -> void:
	_go(FRAME_MS, func(_at: float) -> LobbyPosition: return LobbyPosition.new(Vector2(1.0, 2.0)))
	assert(_sent.size() == 1)


func test_straight_movement_is_due_once_a_second() -> void:
	_go(10_000.0, _straight)
	assert(_sent.size() >= 10 and _sent.size() <= 11, "%d" % _sent.size())


func test_a_player_at_rest_sends_one_position() -> void:
	_go(60_000.0, func(_at: float) -> LobbyPosition: return LobbyPosition.new(Vector2(1.0, 2.0), Vector2.ZERO, 0.5))
	assert(_sent.size() == 1)


func test_coming_to_rest_is_due_once_with_the_exact_position() -> void:
	_go(3_000.0, _straight)
	var end := _straight(_ms).position
	_go(60_000.0, func(_at: float) -> LobbyPosition: return LobbyPosition.new(end))
	assert(_sent[-1].is_at_rest() and _sent[-1].position.is_equal_approx(end.snappedf(0.01)))
	assert(_sent.filter(func(position: LobbyPosition) -> bool: return position.is_at_rest()).size() == 1)


func test_starting_to_move_is_due_at_once() -> void:
	_go(5_000.0, func(_at: float) -> LobbyPosition: return LobbyPosition.new(Vector2.ZERO))
	var from := _ms
	_go(
		1_000.0,
		func(ms: float) -> LobbyPosition: return LobbyPosition.new(Vector2(0.012 * (ms - from), 0.0), Vector2(12.0, 0.0))
	)
	assert(_sent_ms[1] - from < 30.0)


func test_a_bend_is_due_a_moment_later() -> void:
	_go(2_050.0, _straight)
	var from := _ms
	var corner := _straight(_ms).position
	_go(
		200.0,
		func(ms: float) -> LobbyPosition:
			return LobbyPosition.new(corner + Vector2(0.0, 0.012 * (ms - from)), Vector2(0.0, 12.0))
	)
	var after := _sent_ms.filter(func(ms: float) -> bool: return ms > from)
	assert(after.size() == 1)
	assert(after[0] - from >= SendPolicy.PATIENCE_MS and after[0] - from < SendPolicy.PATIENCE_MS + 50.0)


func test_positions_are_never_due_more_often_than_send_ms() -> void:
	for send_ms: float in [33.0, 100.0, 500.0]:
		_policy = SendPolicy.new()
		_policy.send_ms = send_ms
		_sent_ms.clear()
		_go(
			5_000.0,
			func(_at: float) -> LobbyPosition: return LobbyPosition.new(Vector2(randf(), randf()) * 50.0, Vector2(1.0, 1.0))
		)
		for i in range(1, _sent_ms.size()):
			assert(_sent_ms[i] - _sent_ms[i - 1] >= send_ms)


func test_a_position_that_came_too_soon_is_due_later() -> void:
	_policy.update(LobbyPosition.new(Vector2(1.0, 0.0)), 0.0)
	_policy.due(0.0)
	_policy.update(LobbyPosition.new(Vector2(9.0, 0.0)), 10.0)
	assert(_policy.due(10.0) == null)
	assert(_policy.due(500.0).position == Vector2(9.0, 0.0))


func test_a_player_that_is_not_updated_any_more_is_at_rest() -> void:
	_go(1_000.0, _straight)
	var position: LobbyPosition = null
	for ms in range(1_000, 3_000, 16):
		var sent := _policy.due(ms)
		position = sent if sent != null else position
	assert(position.is_at_rest() and position.position.is_equal_approx(_straight(_ms - FRAME_MS).position.snappedf(0.01)))
	assert(position.t > 200 and position.t < 400)  # it stands there now, not when the others' clocks began


func test_turning_on_the_spot_is_due_sometimes_and_at_the_end() -> void:
	_go(2_000.0, func(ms: float) -> LobbyPosition: return LobbyPosition.new(Vector2.ZERO, Vector2.ZERO, minf(ms / 1000.0, 1.5)))
	assert(_sent.size() >= 4 and _sent.size() <= 7, "%d" % _sent.size())
	assert(_sent[-1].heading == 1.5)


func test_a_position_that_the_lobby_does_not_have_is_due_again_but_not_too_soon() -> void:
	_go(1_000.0, func(_at: float) -> LobbyPosition: return LobbyPosition.new(Vector2(1.0, 2.0)))
	_policy.forget_unless(LobbyPosition.new(Vector2(1.0, 2.0)))
	_go(500.0, func(_at: float) -> LobbyPosition: return LobbyPosition.new(Vector2(1.0, 2.0)))
	assert(_sent.size() == 1)
	_policy.forget_unless(LobbyPosition.new())
	_go(500.0, func(_at: float) -> LobbyPosition: return LobbyPosition.new(Vector2(1.0, 2.0)))
	assert(_sent.size() == 2)
	_policy.forget(_ms + 1_000.0)
	var from := _ms
	_go(2_000.0, func(_at: float) -> LobbyPosition: return LobbyPosition.new(Vector2(1.0, 2.0)))
	assert(_sent.size() == 3 and _sent_ms[-1] >= from + 1_000.0)


func test_a_player_that_only_rises_is_sent_as_one_that_moves() -> void:
	_go(3_000.0, func(ms: float) -> LobbyPosition: return LobbyPosition.new(Vector2.ZERO, Vector2.ZERO, 0.0, 0.005 * ms, 5.0))
	assert(_sent.size() >= 3 and _sent.size() <= 5, "%d" % _sent.size())
	_go(60_000.0, func(_at: float) -> LobbyPosition: return LobbyPosition.new(Vector2.ZERO, Vector2.ZERO, 0.0, 15.0))
	assert(_sent[-1].z == 15.0 and _sent[-1].is_at_rest() and _sent.size() <= 6)
	_policy.forget_unless(LobbyPosition.new(Vector2.ZERO, Vector2.ZERO, 0.0, 3.0))
	_go(500.0, func(_at: float) -> LobbyPosition: return LobbyPosition.new(Vector2.ZERO, Vector2.ZERO, 0.0, 15.0))
	assert(_sent.size() <= 7 and _sent_ms[-1] > 63_000.0 - FRAME_MS)  # the lobby had another height


func test_a_jump_is_due_although_the_player_stays_on_its_line() -> void:
	_go(2_050.0, _straight)
	var from := _ms
	_go(
		300.0,
		func(ms: float) -> LobbyPosition:
			var position := _straight(ms)
			position.z = 0.006 * (ms - from)
			position.vz = 6.0
			return position
	)
	assert(_sent[-1].z > 0.5 and _sent[-1].vz == 6.0)


func test_the_policy_sends_much_less_than_a_fixed_interval() -> void:
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
		var position: LobbyPosition = path.call(_ms)
		_policy.update(position, _ms)
		var sent := _policy.due(_ms)
		if sent != null:
			_sent.append(sent)
			_sent_ms.append(_ms)
		_ms += FRAME_MS
