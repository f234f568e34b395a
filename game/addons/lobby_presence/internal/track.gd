extends RefCounted
## Internal: the smoothed movement of one player. It reads no clock.
##
## [method place] and [method add] take the positions that arrive. [method at], called once a frame, returns where to draw the
## player, in the plane and in height. Positions arrive a few times a second and at uneven intervals. So a player is drawn a
## little late (see playhead.gd), on a cubic Hermite curve between the two positions around that moment, which also uses their
## velocities. All moments are on the sender's clock, so that positions which arrive together are not drawn together.

## Whose clock is used: the sender's if it sends one, else the server's, else the time of arrival.
enum Source { NONE, ARRIVAL, SERVER, SENDER }

const _LobbyConstants := preload("constants.gd")
const _LobbyPlayhead := preload("playhead.gd")
const _LobbySenderClock := preload("sender_clock.gd")

## So many samples are kept of a player that is not drawn.
const SAMPLES_KEPT := 32

const _NOWHERE := Vector3(NAN, NAN, NAN)

## Whether the player has sent a height other than 0. From then on, 0 is a height too.
var has_height := false

var _samples: Array[Sample] = []
var _clock := _LobbySenderClock.new()
var _source := Source.NONE
var _playhead := _LobbyPlayhead.new()
var _has_velocity := false  # the player's client sends velocities
var _has_heading := false
var _interval_ms: float = _LobbyConstants.TRACK_INTERVAL_MS
var _speed := 0.0
var _asked_ms := NAN
var _error := Vector3.ZERO
var _drawn := LobbyPosition.Drawn.new()


## Places the player at a position from [code]welcome[/code] or [code]join[/code], which the lobby stored [param age_ms] ago.
## A player that moves continues from there. The other parameters are those of [method add].
func place(position: LobbyPosition, age_ms: float, server_ms: float, arrival_ms: float, is_busy := false) -> void:
	if position.is_at_rest():
		_rest(position)
	else:
		add(position, server_ms - age_ms if server_ms else 0.0, arrival_ms - age_ms, is_busy)


func _rest(position: LobbyPosition) -> void:
	_note_height(position)
	var shown := _shown()
	_has_heading = _has_heading or position.heading != 0.0
	var moment_ms := -INF if is_nan(_playhead.at_ms) else _playhead.at_ms
	_samples = [Sample.new(moment_ms, position.place(), Vector3.ZERO, position.heading)]
	_source = Source.NONE
	_soften(shown)


## Adds a position. [param server_ms] is the server's clock, 0 for none. [param arrival_ms] is the clock of this game. If
## [param is_busy], the message may have waited for this game instead of the network: its lateness is ignored.
func add(position: LobbyPosition, server_ms: float, arrival_ms: float, is_busy := false) -> void:
	_note_height(position)
	var shown := _shown()
	_has_velocity = _has_velocity or not position.is_at_rest()
	_has_heading = _has_heading or position.heading != 0.0
	var t_ms := _moment(position.t, server_ms, arrival_ms)
	var sample := Sample.new(t_ms, position.place(), position.flow(), position.heading)
	if not _samples.is_empty():
		if _clock.is_new:
			_restart(t_ms, shown)
		elif t_ms < _samples[-1].t_ms:
			return
		elif t_ms == _samples[-1].t_ms:
			_samples.pop_back()
		else:
			_bridge(sample, arrival_ms, is_busy)
	if not _samples.is_empty():
		sample.is_jump = _is_jump(_samples[-1], sample)
	_samples.append(sample)
	if _samples.size() > SAMPLES_KEPT:
		_samples.pop_front()
	if not _has_velocity:
		_estimate_velocities()
	_soften(shown)


## Returns where to draw the player at [param now_ms], on the clock of this game; null if no position is known.
## [param now_ms] must not decrease from call to call.
func at(now_ms: float) -> LobbyPosition.Drawn:
	if _samples.is_empty():
		return null
	var passed_ms := 0.0 if is_nan(_asked_ms) else maxf(0.0, now_ms - _asked_ms)
	_asked_ms = now_ms
	_error *= exp(-passed_ms / _LobbyConstants.TRACK_CORRECTION_MS)
	var newest := _samples[-1]
	var current := newest
	var is_over := true
	if _source == Source.NONE:
		_playhead.stop()
	else:
		var here_ms := now_ms - _clock.offset_ms
		_playhead.play(passed_ms, here_ms, newest.t_ms if newest.is_at_rest() else INF)
		_drawn.late_ms = here_ms - _playhead.at_ms
		current = _sample_at(_playhead.at_ms)
		var over_ms := _playhead.at_ms - newest.t_ms
		is_over = over_ms >= 0.0 and (newest.is_at_rest() or over_ms > _LobbyConstants.TRACK_REACH_MS)
	if is_over:
		_drawn.late_ms = NAN
	_drawn.is_still = is_over and _error.length() < 0.001
	var here := current.place + _error
	var flow := Vector3.ZERO if is_over else current.flow
	_drawn.position = Vector2(here.x, here.y)
	_drawn.velocity = Vector2(flow.x, flow.y)
	_drawn.z = here.z
	_drawn.vz = flow.z
	_drawn.has_height = has_height
	_drawn.has_heading = _has_heading
	if _has_heading:
		_drawn.heading = current.heading
	elif _drawn.velocity.length() > _LobbyConstants.TRACK_SLOWEST_UNITS_PER_S:
		_drawn.heading = lerp_angle(_drawn.heading, _drawn.velocity.angle(), 0.25)
	return _drawn


## Returns the moment of a message, in ms, on the clock that this track uses.
func _moment(t: int, server_ms: float, arrival_ms: float) -> float:
	var source := Source.ARRIVAL
	if t != 0 or _source == Source.SENDER:
		source = Source.SENDER
	elif server_ms != 0.0:
		source = Source.SERVER
	if source != _source:
		_source = source
		_clock = _LobbySenderClock.new(_LobbyConstants.CLOCK_MODULUS_MS if source == Source.SENDER else 0)
	match source:
		Source.SENDER:
			return _clock.received(t, arrival_ms)
		Source.SERVER:
			return _clock.received(server_ms, arrival_ms)
	return _clock.received(arrival_ms, arrival_ms)


## The samples are on another clock. Keeps the position on the screen, and starts the movement one interval before
## [param t_ms].
func _restart(t_ms: float, shown: Vector3) -> void:
	var here := _samples[-1].place if is_nan(shown.x) else shown
	_samples = [Sample.new(t_ms - _interval_ms, here, Vector3.ZERO, _samples[-1].heading)]
	_playhead.stop()


## Adds a sample in a gap that a single curve would draw wrongly. Measures the interval and the needed delay.
func _bridge(next: Sample, arrival_ms: float, is_busy: bool) -> void:
	var last := _samples[-1]
	var gap_ms := next.t_ms - last.t_ms
	var was_at_rest := last.is_at_rest() and _has_velocity and gap_ms > 1.5 * _interval_ms
	if gap_ms > _LobbyConstants.TRACK_SILENCE_MS or was_at_rest:
		# The player was at rest, or its movement is unknown: draw the movement in the last interval of the gap only.
		var reach_s := minf(gap_ms - _interval_ms, _LobbyConstants.TRACK_REACH_MS) / 1000.0
		var hold := Sample.new(next.t_ms - _interval_ms, last.predicted(reach_s), Vector3.ZERO, last.heading)
		if hold.t_ms > last.t_ms:
			_samples.append(hold)
		return
	if _has_velocity and gap_ms > 2.0 * _LobbyConstants.TRACK_BEND_MS and _is_near_prediction(last, next):
		# One curve over the whole gap would begin the bend at once. The bend began shortly before the message was sent.
		var bend_ms := next.t_ms - _LobbyConstants.TRACK_BEND_MS
		_samples.append(Sample.new(bend_ms, last.predicted((bend_ms - last.t_ms) / 1000.0), last.flow, last.heading))
	if not is_busy:
		var from_ms := maxf(_samples[-1].t_ms, next.t_ms - _LobbyConstants.TRACK_LONG_GAP * _interval_ms)
		_playhead.need(arrival_ms - _clock.offset_ms - from_ms, arrival_ms)
	var interval_ms := clampf(gap_ms, _LobbyConstants.TRACK_INTERVAL_LEAST_MS, _LobbyConstants.TRACK_INTERVAL_MOST_MS)
	_interval_ms += 0.2 * (interval_ms - _interval_ms)


## Whether the player is close to the straight line that its last position predicted.
func _is_near_prediction(last: Sample, next: Sample) -> bool:
	var predicted := last.predicted((next.t_ms - last.t_ms) / 1000.0)
	var bound := maxf(_LobbyConstants.TRACK_STRAIGHT_UNITS, _LobbyConstants.TRACK_STRAIGHT_S * last.flow.length())
	return predicted.distance_to(next.place) < bound


func _is_jump(last: Sample, next: Sample) -> bool:
	var seconds := maxf(next.t_ms - last.t_ms, 1.0) / 1000.0
	var speed := last.place.distance_to(next.place) / seconds
	var expected := maxf(maxf(next.flow.length(), last.flow.length()), _speed)
	_speed = speed
	return speed > _LobbyConstants.TRACK_TELEPORT_UNITS_PER_S and speed > _LobbyConstants.TRACK_TELEPORT_TIMES * expected


## Estimates the velocities of a player that sends none, from the positions before and after (a Catmull-Rom spline).
func _estimate_velocities() -> void:
	for i in range(maxi(1, _samples.size() - 2), _samples.size()):
		var before := _samples[i - 1]
		var here := _samples[i]
		var after := _samples[mini(i + 1, _samples.size() - 1)]
		var seconds := (after.t_ms - before.t_ms) / 1000.0
		var is_still := here.is_jump or after.is_jump or here.place == before.place
		here.flow = Vector3.ZERO if is_still or is_inf(seconds) else (after.place - before.place) / seconds


## Returns the movement at a moment of the sender's clock.
func _sample_at(t_ms: float) -> Sample:
	var newest := _samples[-1]
	if t_ms >= newest.t_ms:
		var ahead_ms := minf(t_ms - newest.t_ms, _LobbyConstants.TRACK_REACH_MS) if _has_velocity else 0.0
		return Sample.new(t_ms, newest.predicted(ahead_ms / 1000.0), newest.flow, newest.heading)
	while _samples.size() > 2 and _samples[1].t_ms <= t_ms:
		_samples.pop_front()  # older samples are not read again
	var a := _samples[0]
	var b := _samples[mini(1, _samples.size() - 1)]
	if b.is_jump or is_inf(a.t_ms):
		return Sample.new(t_ms, a.place, Vector3.ZERO, a.heading)
	if t_ms < a.t_ms:
		# The first position is newer than the moment on the screen: its velocity shows where the player came from.
		var before_ms := minf(a.t_ms - t_ms, _LobbyConstants.TRACK_DELAY_MOST_MS)
		return Sample.new(t_ms, a.predicted(-before_ms / 1000.0), a.flow, a.heading)
	return Sample.between(a, b, t_ms)


## The first height of a player: it had this height before, too, instead of rising to it from 0.
func _note_height(position: LobbyPosition) -> void:
	if has_height or (position.z == 0.0 and position.vz == 0.0):
		return
	has_height = true
	for sample in _samples:
		sample.place.z = position.z


## Returns the position on the screen before a new position is added.
func _shown() -> Vector3:
	if is_nan(_playhead.at_ms) or _samples.is_empty():
		return _NOWHERE
	return _sample_at(_playhead.at_ms).place + _error


## A new position may show that a prediction was wrong. The difference is corrected gradually, unless it is a teleport.
func _soften(shown: Vector3) -> void:
	if is_nan(shown.x) or is_nan(_playhead.at_ms):
		return
	_error = shown - _sample_at(_playhead.at_ms).place
	var most := maxf(_LobbyConstants.TRACK_CORRECTION_MOST_UNITS, _LobbyConstants.TRACK_CORRECTION_MOST_S * _speed)
	if _error.length() > most:
		_error = Vector3.ZERO


## A position with an unwrapped time.
class Sample:
	extends RefCounted
	## On the sender's clock, in ms. Minus infinity: since an unknown time.
	var t_ms: float
	## Position in the plane, and height, in units.
	var place: Vector3
	## Velocity, in units per second.
	var flow: Vector3
	## In radians.
	var heading: float
	## Whether the player was teleported to this position.
	var is_jump := false

	func _init(at_ms: float, at: Vector3, with_flow: Vector3, with_heading: float) -> void:
		t_ms = at_ms
		place = at
		flow = with_flow
		heading = with_heading

	func is_at_rest() -> bool:
		return flow == Vector3.ZERO

	## Returns the place [param seconds] later if the player keeps its velocity.
	func predicted(seconds: float) -> Vector3:
		return place + flow * seconds

	## Returns the point at [param at_ms] of the cubic Hermite curve from [param a] to [param b].
	static func between(a: Sample, b: Sample, at_ms: float) -> Sample:
		var seconds := (b.t_ms - a.t_ms) / 1000.0
		var s := (at_ms - a.t_ms) / (b.t_ms - a.t_ms)
		var s2 := s * s
		var s3 := s2 * s
		var way := b.place - a.place
		var at := a.place + (3.0 * s2 - 2.0 * s3) * way
		at += seconds * ((s3 - 2.0 * s2 + s) * a.flow + (s3 - s2) * b.flow)
		var with_flow := 6.0 * (s - s2) / seconds * way
		with_flow += (3.0 * s2 - 4.0 * s + 1.0) * a.flow + (3.0 * s2 - 2.0 * s) * b.flow
		return Sample.new(at_ms, at, with_flow, lerp_angle(a.heading, b.heading, s))
