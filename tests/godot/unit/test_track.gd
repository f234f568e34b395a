extends RefCounted

const Track := preload("res://addons/lobby_presence/internal/track.gd")
const Constants := preload("res://addons/lobby_presence/internal/constants.gd")
const Walker := preload("../walker.gd")
const Network := preload("../network.gd")
const Messages := preload("res://addons/lobby_presence/internal/messages.gd")
const Roster := preload("res://addons/lobby_presence/internal/roster.gd")
const FRAME_MS := 1000.0 / 60.0

var _chance := RandomNumberGenerator.new()


func test_over_a_network_with_jitter_a_player_is_drawn_within_a_tenth_of_a_unit() -> void:
	var all: Array[float] = []
	for number in 12:
		_chance.seed = number
		var path := Walker.new(number, 60.0)
		var errors := _errors(path, Network.deliver(Network.fixed(path, 200.0, 1_000 * number), _chance))
		assert(_quantile(errors, 0.98) < 0.1, "path %d: %f" % [number, _quantile(errors, 0.98)])
		all.append_array(errors)
	assert(_quantile(all, 0.99) < 0.1)
	assert(_quantile(all, 0.5) < 0.02)


func test_with_the_send_policy_a_player_is_drawn_as_exactly() -> void:
	var all: Array[float] = []
	for number in 12:
		_chance.seed = number
		var path := Walker.new(number, 60.0)
		all.append_array(_errors(path, Network.deliver(Network.by_policy(path), _chance)))
	assert(_quantile(all, 0.99) < 0.1)
	assert(_quantile(all, 0.5) < 0.02)


func test_straight_movement_with_one_position_a_second_is_drawn_without_a_stop() -> void:
	var track := Track.new()
	var before := NAN
	for ms in range(0, 12_000, 20):
		if ms % 1_000 == 0:
			track.add(_position(ms / 100.0, 10.0, ms + 1), 0.0, ms)
		var x := track.at(ms).position.x
		if ms > 3_000:
			assert(x - before > 0.15 and x - before < 0.25, "%f at %d" % [x - before, ms])
		before = x


func test_over_a_good_network_the_delay_is_about_one_interval() -> void:
	_chance.seed = 5
	var path := Walker.new(5, 60.0)
	var late: Array[float] = []
	_errors(path, Network.deliver(Network.fixed(path), _chance, 50.0, 0.0), late)
	assert(_quantile(late, 0.99) < 290.0 and _quantile(late, 0.5) > 180.0, "%f" % _quantile(late, 0.5))


func test_a_moving_player_never_jumps_on_the_screen() -> void:
	for number in range(20, 26):
		_chance.seed = number
		var path := Walker.new(number, 60.0)
		var positions := Network.deliver(Network.by_policy(path), _chance, 50.0, 0.05, 400.0)
		var track := Track.new()
		var before := Vector2(NAN, NAN)
		var worst := 0.0
		var ms := 0.0
		while ms < path.until_ms():
			while not positions.is_empty() and positions[0].arrival_ms <= ms:
				track.add(positions[0].position, 0.0, positions[0].arrival_ms)
				positions.pop_front()
			var drawn := track.at(ms)
			if drawn != null:
				worst = maxf(worst, 0.0 if is_nan(before.x) else before.distance_to(drawn.position))
				before = drawn.position
			ms += FRAME_MS
		# 15 units a second are a quarter of a unit a frame; a correction that dies away adds to it.
		assert(worst < 1.1, "path %d: %f units in one frame" % [number, worst])


func test_the_senders_clock_may_wrap_and_start_anywhere() -> void:
	for clock_ms: int in [0, 65_000, 65_535, 1_000_000_000]:
		_chance.seed = 7
		var path := Walker.new(7, 140.0)
		var errors := _errors(path, Network.deliver(Network.fixed(path, 200.0, clock_ms), _chance))
		assert(_quantile(errors, 0.99) < 0.1, "clock from %d: %f" % [clock_ms, _quantile(errors, 0.99)])


func test_a_restarted_game_has_a_new_clock_and_its_player_stays_in_place() -> void:
	var track := Track.new()
	track.add(_position(5.0, 0.0, 40_000), 0.0, 100_000.0)
	track.at(100_300.0)
	track.add(_position(5.0, 0.0, 300), 0.0, 105_000.0)
	track.add(_position(5.5, 2.0, 500), 0.0, 105_200.0)
	for ms in range(105_000, 106_000, 16):
		var x := track.at(ms).position.x
		assert(x >= 4.9 and x < 6.9, "%f at %d" % [x, ms])


func test_without_positions_a_player_is_predicted_for_a_while_and_then_stops() -> void:
	var track := Track.new()
	for ms in range(0, 2_001, 200):
		track.add(_position(ms / 100.0, 10.0, ms + 1), 0.0, ms)
		track.at(ms)
	var drawn: LobbyPosition.Drawn
	for ms in range(2_000, 6_000, 16):
		drawn = track.at(ms)
	assert(absf(drawn.position.x - 20.0 - 10.0 * Constants.TRACK_REACH_MS / 1000.0) < 0.01)
	assert(drawn.is_still and is_nan(drawn.late_ms) and drawn.velocity == Vector2.ZERO)


func test_a_player_comes_to_rest_exactly_at_its_last_position() -> void:
	var track := Track.new()
	for ms in range(0, 2_001, 200):
		track.add(_position(ms / 100.0, 10.0, ms + 1), 0.0, ms + 30.0)
		track.at(ms + 30.0)
	track.add(_position(21.0, 0.0, 2_201), 0.0, 2_230.0)
	for ms in range(2_230, 4_000, 16):
		track.at(ms)
	assert(track.at(4_000.0).position == Vector2(21.0, 0.0))
	assert(track.at(4_000.0).is_still)


func test_a_teleport_is_not_drawn_as_a_movement() -> void:
	var track := Track.new()
	for ms in range(0, 2_001, 200):
		var far := 500.0 if ms > 1_000 else 0.0
		track.add(_position(far + ms / 100.0, 10.0, ms + 1), 0.0, ms)
		for now_ms in range(ms, ms + 200, 16):
			var x := track.at(now_ms).position.x
			assert(x < 30.0 or x > 499.0, "%f at %d" % [x, now_ms])


func test_a_teleport_from_rest_to_rest_is_not_drawn_as_a_movement() -> void:
	var track := Track.new()
	track.place(LobbyPosition.new(Vector2(1.0, 0.0)), 0.0, 0.0, 0.0)
	track.add(_position(1.0, 0.0, 1), 0.0, 0.0)
	track.at(0.0)
	track.add(_position(100.0, 0.0, 1_001), 0.0, 1_000.0)
	for ms in range(0, 3_000, 16):
		var x := track.at(ms).position.x
		assert(x == 1.0 or x == 100.0, "%f at %d" % [x, ms])


func test_a_fast_game_in_pixels_has_no_teleports() -> void:
	var track := Track.new()
	var before := NAN
	var worst := 0.0
	for ms in range(0, 4_000, 200):
		track.add(LobbyPosition.new(Vector2(0.3 * ms, 0.0)), 0.0, ms)  # version 1: no velocity, no clock
		for now_ms in range(ms, ms + 200, 16):
			var x := track.at(now_ms).position.x
			worst = maxf(worst, x - before if ms > 1_000 else 0.0)
			before = x
	assert(worst < 8.0, "%f of 4.8 pixels a frame" % worst)


func test_without_velocities_and_clock_a_player_is_drawn_on_a_smooth_curve() -> void:
	for server_ms: float in [0.0, 1.7e12]:
		_chance.seed = 13
		var path := Walker.new(13, 60.0)
		var positions := Network.deliver(Network.fixed(path), _chance, 5.0, 0.0)
		for sent in positions:
			sent.position.velocity = Vector2.ZERO
			sent.position.t = 0
		var errors := _errors(path, positions, [], server_ms)
		assert(_quantile(errors, 0.9) < 0.35, "%f" % _quantile(errors, 0.9))


func test_without_a_heading_a_player_looks_where_it_positions() -> void:
	var track := Track.new()
	for ms in range(0, 3_000, 200):
		var position := LobbyPosition.new(Vector2(0.0, ms / 100.0), Vector2(0.0, 10.0))
		position.t = ms + 1
		track.add(position, 0.0, ms)
		for now_ms in range(ms, ms + 200, 16):
			track.at(now_ms)
	assert(absf(track.at(3_000.0).heading - PI / 2.0) < 0.01)


func test_messages_that_waited_for_a_busy_game_do_not_increase_the_delay() -> void:
	var late: Array[float] = []
	for is_marked: bool in [false, true]:
		var track := Track.new()
		for ms in range(0, 8_000, 200):
			var is_stalled := ms >= 2_000 and ms < 2_600
			track.add(_position(ms / 100.0, 10.0, ms + 1), 0.0, 2_600.0 if is_stalled else float(ms), is_stalled and is_marked)
			for now_ms in range(ms, ms + 200, 16):
				track.at(now_ms)
		late.append(track.at(8_000.0).late_ms)
	assert(late[0] > late[1] + 100.0, "%s" % [late])


func test_a_placed_player_is_drawn_without_any_position() -> void:
	var track := Track.new()
	assert(track.at(0.0) == null)
	track.place(LobbyPosition.new(Vector2(3.0, 4.0), Vector2.ZERO, 1.0), 0.0, 0.0, 0.0)
	var drawn := track.at(10.0)
	assert(drawn.position == Vector2(3.0, 4.0) and drawn.heading == 1.0 and drawn.is_still)


func test_players_do_not_hop_when_a_game_starts() -> void:
	for number in 24:
		_chance.seed = number
		var path := Walker.new(number, 25.0)
		var hops := _hops_after_start(
			Network.deliver(Network.by_policy(path, Network.SendPolicy.new(), 1_000 * number), _chance)
		)
		assert(hops.is_empty(), "path %d: %s" % [number, hops])


func test_the_track_of_a_player_that_is_not_drawn_does_not_grow() -> void:
	var track := Track.new()
	for ms in range(0, 100_000, 200):
		track.add(_position(ms / 100.0, 10.0, ms % 65_536), 0.0, ms)
	assert(track._samples.size() == Track.SAMPLES_KEPT)


func test_a_height_is_drawn_as_smoothly_as_the_plane() -> void:
	var track := Track.new()
	var worst := 0.0
	var before := NAN
	for ms in range(0, 4_000, 200):
		var s := ms / 1000.0
		var position := LobbyPosition.new(Vector2.ZERO, Vector2.ZERO, 0.0, 5.0 + 3.0 * sin(2.0 * s), 6.0 * cos(2.0 * s))
		position.t = ms + 1
		track.add(position, 0.0, ms)
		for now_ms in range(ms, ms + 200, 20):
			var drawn := track.at(now_ms)
			assert(drawn.position == Vector2.ZERO)
			if ms > 1_000:
				var at_s := (now_ms - drawn.late_ms) / 1000.0
				worst = maxf(worst, absf(drawn.z - 5.0 - 3.0 * sin(2.0 * at_s)))
				assert(absf(drawn.z - before) < 0.2, "%f at %d" % [drawn.z - before, now_ms])
			before = drawn.z
	assert(worst < 0.05, "%f" % worst)


func test_a_player_that_falls_is_not_at_rest_and_comes_to_rest_on_the_floor() -> void:
	var track := Track.new()
	for ms in range(0, 1_001, 200):
		var position := LobbyPosition.new(Vector2.ZERO, Vector2.ZERO, 0.0, 20.0 - ms / 100.0, -10.0)
		position.t = ms + 1
		track.add(position, 0.0, ms)
		track.at(ms)
	assert(not track.at(1_001.0).is_still and track.at(1_002.0).vz < -5.0)
	var end := LobbyPosition.new(Vector2.ZERO, Vector2.ZERO, 0.0, 8.0)
	end.t = 1_201
	track.add(end, 0.0, 1_200.0)
	for ms in range(1_200, 3_000, 16):
		track.at(ms)
	assert(track.at(3_000.0).z == 8.0 and track.at(3_000.0).is_still and track.at(3_000.0).vz == 0.0)


func test_a_player_has_no_height_until_it_sends_one_and_does_not_rise_to_the_first() -> void:
	var track := Track.new()
	track.place(LobbyPosition.new(Vector2(1.0, 0.0)), 0.0, 0.0, 0.0)
	track.add(_position(1.0, 1.0, 1), 0.0, 0.0)
	assert(not track.at(100.0).has_height)
	for ms in range(200, 2_000, 200):
		var position := _position(1.0 + ms / 1000.0, 1.0, ms + 1)
		position.z = 5.0
		track.add(position, 0.0, ms)
		for now_ms in range(ms, ms + 200, 20):
			assert(track.at(now_ms).has_height and absf(track.at(now_ms).z - 5.0) < 0.001)
	track.add(_position(3.0, 0.0, 2_001), 0.0, 2_000.0)
	for ms in range(2_000, 4_000, 20):
		track.at(ms)
	assert(track.at(4_000.0).has_height and track.at(4_000.0).z == 0.0)  # 0 is a height from now on


func test_the_curve_meets_both_positions_with_their_velocities() -> void:
	var a := Track.Sample.new(0.0, Vector3.ZERO, Vector3(10.0, 0.0, 5.0), 3.0)
	var b := Track.Sample.new(200.0, Vector3(1.5, 1.0, 0.5), Vector3(0.0, 10.0, -5.0), -3.0)
	for end: Track.Sample in [a, b]:
		var on := Track.Sample.between(a, b, end.t_ms)
		assert(on.place.is_equal_approx(end.place) and on.flow.is_equal_approx(end.flow))
	# A nose turns the shorter way.
	assert(absf(angle_difference(Track.Sample.between(a, b, 100.0).heading, PI)) < 0.001)


func _position(x: float, vx: float, t: int) -> LobbyPosition:
	var position := LobbyPosition.new(Vector2(x, 0.0), Vector2(vx, 0.0))
	position.t = t
	return position


## Returns the length of each hop in the first ten seconds of a game that starts while a player moves. A hop is a time at which
## the player is drawn at over one and a half times the speed of the fastest bot.
func _hops_after_start(positions: Array[Network.Sent], start_ms := 10_000.0) -> Array[float]:
	var roster := Roster.new()
	var next := 0
	while positions[next].arrival_ms <= start_ms:
		next += 1
	roster.apply(Messages.decode(_welcome(positions[next - 1], start_ms)), start_ms)
	var hops: Array[float] = []
	var length := 0.0
	var before := Vector2(NAN, NAN)
	var ms := start_ms
	while ms < start_ms + 10_000.0:
		while next < positions.size() and positions[next].arrival_ms <= ms:
			roster.apply(Messages.decode(_moves(positions[next], next)), positions[next].arrival_ms)
			next += 1
		var at := roster.players["bot"].track.at(ms).position
		var is_fast := at.distance_to(before) > 22.5 * FRAME_MS / 1000.0
		if is_fast:
			length += at.distance_to(before)
		elif length > 0.0:
			if length > 0.5:
				hops.append(length)
			length = 0.0
		before = at
		ms += FRAME_MS
	return hops


func _welcome(sent: Network.Sent, now_ms: float) -> String:
	var position := sent.position
	var bot := {"id": "bot", "n": 2, "x": position.position.x, "y": position.position.y, "h": position.heading, "t": position.t}
	bot.merge({"vx": position.velocity.x, "vy": position.velocity.y, "age": roundi(now_ms - sent.arrival_ms)})
	return JSON.stringify({"type": "welcome", "your_id": "ann", "n": 1, "v": 2, "t": 1e12 + now_ms, "lobby_players": [bot]})


func _moves(sent: Network.Sent, seq: int) -> String:
	var position := sent.position
	var entry: Array[float] = [2.0]
	for value: float in [position.position.x, position.position.y, position.velocity.x, position.velocity.y, position.heading]:
		entry.append(roundf(100.0 * value))
	entry.append_array([float(seq), float(position.t)])
	return JSON.stringify({"type": "moves", "t": 1e12 + sent.arrival_ms, "m": [entry]})


## Returns the error of the drawn path for each frame, and appends the delays to [param late]. The first seconds do not count:
## the shortest travel time of messages is known only after some messages.
func _errors(path: Walker, positions: Array[Network.Sent], late: Array[float] = [], server_ms := 0.0) -> Array[float]:
	var track := Track.new()
	var errors: Array[float] = []
	var next := 0
	var ms := 0.0
	while ms < path.until_ms():
		while next < positions.size() and positions[next].arrival_ms <= ms:
			track.add(
				positions[next].position,
				server_ms + positions[next].arrival_ms if server_ms else 0.0,
				positions[next].arrival_ms
			)
			next += 1
		var drawn := track.at(ms)
		if drawn != null and ms > 15_000.0 and not is_nan(drawn.late_ms):
			errors.append(drawn.position.distance_to(path.at(ms - drawn.late_ms).position))
			late.append(drawn.late_ms)
		ms += FRAME_MS
	return errors


func _quantile(values: Array[float], share: float) -> float:
	var sorted := values.duplicate()
	sorted.sort()
	return sorted[int((sorted.size() - 1) * share)]
