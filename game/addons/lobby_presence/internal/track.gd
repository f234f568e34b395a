class_name LobbyTrack
extends RefCounted
## The path of one player: [method place] and [method add] what arrives, ask [method at] once a frame where to draw it.
##
## Positions arrive a few times a second and unevenly; drawn as they arrive, they stutter. So a player is drawn a little
## late (see [LobbyPlayhead]), on a cubic Hermite curve between the two positions around that moment, which also uses the
## velocities. Moments are the sender's own, so that bunched arrivals do not show. Nothing here reads a clock.

## Whose clock the path is on: the sender's where it says so, else the server's, else the moments of arrival.
enum Source { NONE, ARRIVAL, SERVER, SENDER }

const INTERVAL_MS := 200.0
const INTERVAL_LEAST_MS := 50.0
const INTERVAL_MOST_MS := 600.0
## After a silence longer than this the way in between is not ours to invent.
const SILENCE_MS := 1_300.0
## A gap longer than so many intervals is no reason to be late for all of it: so much is guessed.
const LONG_GAP := 1.6
## Beyond the newest position a player goes straight on for so long, then stands still: who speaks only when straight on
## would be wrong (see [LobbyPilot]) leaves gaps up to this.
const REACH_MS := 1_200.0
## Ended a gap this near to straight on (units, or seconds of the way), then it was straight on nearly to its end, where this
## long a bend began.
const STRAIGHT_UNITS := 0.8
const STRAIGHT_S := 0.06
const BEND_MS := 200.0
## Nobody moves this fast, and so much faster than before, without saying so: it was a teleport, and is drawn as one.
const TELEPORT_UNITS_PER_S := 60.0
const TELEPORT_TIMES := 4.0
## A wrong guess dies away with this time constant; one larger than this (units, or seconds of the way) is mended at once.
const CORRECTION_MS := 90.0
const CORRECTION_MOST_UNITS := 6.0
const CORRECTION_MOST_S := 0.5
## Slower than this a player has no direction.
const SLOWEST_UNITS_PER_S := 0.3
## So many samples are kept of a player whom nobody draws.
const SAMPLES_KEPT := 32

const _NOWHERE := Vector2(NAN, NAN)

var _samples: Array[Sample] = []
var _clock := LobbySenderClock.new()
var _source := Source.NONE
var _playhead := LobbyPlayhead.new()
var _says_velocity := false
var _says_heading := false
var _interval_ms := INTERVAL_MS
var _pace := 0.0
var _asked_ms := NAN
var _error := Vector2.ZERO
var _drawn := Drawn.new()


## Stands there: from [code]welcome[/code] and [code]join[/code], which do not say since when.
func place(move: LobbyMove) -> void:
	var shown := _shown()
	_says_heading = _says_heading or move.heading != 0.0
	var moment_ms := -INF if is_nan(_playhead.at_ms) else _playhead.at_ms
	_samples = [Sample.new(moment_ms, move.position, Vector2.ZERO, move.heading)]
	_source = Source.NONE
	_soften(shown)


## Moved there. [param server_ms] is the server's clock, 0 for none; [param arrival_ms] is ours. [param is_busy]: the
## message may have waited for us and not for the network, so its lateness says nothing.
func add(move: LobbyMove, server_ms: float, arrival_ms: float, is_busy := false) -> void:
	var shown := _shown()
	_says_velocity = _says_velocity or not move.rests()
	_says_heading = _says_heading or move.heading != 0.0
	var t_ms := _moment(move.t, server_ms, arrival_ms)
	var sample := Sample.new(t_ms, move.position, move.velocity, move.heading)
	if not _samples.is_empty():
		if _clock.is_new:
			_begin_anew(t_ms, shown)
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
	if not _says_velocity:
		_guess_velocities()
	_soften(shown)


## Where to draw the player at [param now_ms], on our clock; null as long as nothing is known. Ask in order of time.
func at(now_ms: float) -> Drawn:
	if _samples.is_empty():
		return null
	var passed_ms := 0.0 if is_nan(_asked_ms) else maxf(0.0, now_ms - _asked_ms)
	_asked_ms = now_ms
	_error *= exp(-passed_ms / CORRECTION_MS)
	var newest := _samples[-1]
	var seen := newest
	var is_over := true
	if _source == Source.NONE:
		_playhead.stop()
	else:
		var here_ms := now_ms - _clock.offset_ms
		_playhead.play(passed_ms, here_ms, newest.t_ms if newest.rests() else INF)
		_drawn.late_ms = here_ms - _playhead.at_ms
		seen = _on(_playhead.at_ms)
		var over_ms := _playhead.at_ms - newest.t_ms
		is_over = over_ms >= 0.0 and (newest.rests() or over_ms > REACH_MS)
	if is_over:
		_drawn.late_ms = NAN
	_drawn.is_still = is_over and _error.length() < 0.001
	_drawn.position = seen.position + _error
	_drawn.velocity = Vector2.ZERO if is_over else seen.velocity
	if _says_heading:
		_drawn.heading = seen.heading
	elif _drawn.velocity.length() > SLOWEST_UNITS_PER_S:
		_drawn.heading = lerp_angle(_drawn.heading, _drawn.velocity.angle(), 0.25)
	return _drawn


## The moment of a message, on the clock that this path is on.
func _moment(t: int, server_ms: float, arrival_ms: float) -> float:
	var source := Source.ARRIVAL
	if t != 0 or _source == Source.SENDER:
		source = Source.SENDER
	elif server_ms != 0.0:
		source = Source.SERVER
	if source != _source:
		_source = source
		_clock = LobbySenderClock.new(LobbySenderClock.WRAP_MS if source == Source.SENDER else 0)
	match source:
		Source.SENDER:
			return _clock.heard(t, arrival_ms)
		Source.SERVER:
			return _clock.heard(server_ms, arrival_ms)
	return _clock.heard(arrival_ms, arrival_ms)


## What we had is on another clock. Keeps the place that is shown and begins the way to [param t_ms] one interval before.
func _begin_anew(t_ms: float, shown: Vector2) -> void:
	var here := _samples[-1].position if is_nan(shown.x) else shown
	_samples = [Sample.new(t_ms - _interval_ms, here, Vector2.ZERO, _samples[-1].heading)]
	_playhead.stop()


## Fills a gap that one curve would not tell rightly, and learns from it how late to be.
func _bridge(next: Sample, arrival_ms: float, is_busy: bool) -> void:
	var last := _samples[-1]
	var gap_ms := next.t_ms - last.t_ms
	if gap_ms > SILENCE_MS or (last.rests() and _says_velocity and gap_ms > 1.5 * _interval_ms):
		# It stood there, or we do not know: the way begins one interval before its end, not where the silence began.
		var reach_s := minf(gap_ms - _interval_ms, REACH_MS) / 1000.0
		var hold := Sample.new(next.t_ms - _interval_ms, last.straight(reach_s), Vector2.ZERO, last.heading)
		if hold.t_ms > last.t_ms:
			_samples.append(hold)
		return
	if _says_velocity and gap_ms > 2.0 * BEND_MS:
		var straight := last.straight(gap_ms / 1000.0)
		if straight.distance_to(next.position) < maxf(STRAIGHT_UNITS, STRAIGHT_S * last.velocity.length()):
			# One curve over the whole gap would begin the bend at once; it began just before they spoke.
			var bend := last.straight((gap_ms - BEND_MS) / 1000.0)
			_samples.append(Sample.new(next.t_ms - BEND_MS, bend, last.velocity, last.heading))
	if not is_busy:
		var from_ms := maxf(_samples[-1].t_ms, next.t_ms - LONG_GAP * _interval_ms)
		_playhead.need(arrival_ms - _clock.offset_ms - from_ms, arrival_ms)
	_interval_ms += 0.2 * (clampf(gap_ms, INTERVAL_LEAST_MS, INTERVAL_MOST_MS) - _interval_ms)


func _is_jump(last: Sample, next: Sample) -> bool:
	var seconds := maxf(next.t_ms - last.t_ms, 1.0) / 1000.0
	var pace := last.position.distance_to(next.position) / seconds
	var said := maxf(maxf(next.velocity.length(), last.velocity.length()), _pace)
	_pace = pace
	return pace > TELEPORT_UNITS_PER_S and pace > TELEPORT_TIMES * said


## Those who never say how fast they are: from the places before and after, as Catmull and Rom did.
func _guess_velocities() -> void:
	for i in range(maxi(1, _samples.size() - 2), _samples.size()):
		var before := _samples[i - 1]
		var here := _samples[i]
		var after := _samples[mini(i + 1, _samples.size() - 1)]
		var seconds := (after.t_ms - before.t_ms) / 1000.0
		var stands := here.is_jump or after.is_jump or here.position == before.position
		here.velocity = Vector2.ZERO if stands or is_inf(seconds) else (after.position - before.position) / seconds


## What the path says of a moment of the sender's clock.
func _on(t_ms: float) -> Sample:
	var newest := _samples[-1]
	if t_ms >= newest.t_ms:
		var guess_ms := minf(t_ms - newest.t_ms, REACH_MS) if _says_velocity else 0.0
		return Sample.new(t_ms, newest.straight(guess_ms / 1000.0), newest.velocity, newest.heading)
	while _samples.size() > 2 and _samples[1].t_ms <= t_ms:
		_samples.pop_front()  # nobody looks back
	var a := _samples[0]
	var b := _samples[mini(1, _samples.size() - 1)]
	if t_ms < a.t_ms or b.is_jump or is_inf(a.t_ms):
		return Sample.new(t_ms, a.position, Vector2.ZERO, a.heading)
	return Sample.between(a, b, t_ms)


## What is on the screen now, before something new arrives.
func _shown() -> Vector2:
	if is_nan(_playhead.at_ms) or _samples.is_empty():
		return _NOWHERE
	return _on(_playhead.at_ms).position + _error


## News may say that our guess was wrong. That is no hop: the difference dies away, unless it is a teleport.
func _soften(shown: Vector2) -> void:
	if is_nan(shown.x) or is_nan(_playhead.at_ms):
		return
	_error = shown - _on(_playhead.at_ms).position
	if _error.length() > maxf(CORRECTION_MOST_UNITS, CORRECTION_MOST_S * _pace):
		_error = Vector2.ZERO


## Where a player is drawn. The same object is given again by the next [method LobbyTrack.at].
class Drawn:
	extends RefCounted
	## In your game's units.
	var position := Vector2.ZERO
	## In units per second; zero at rest.
	var velocity := Vector2.ZERO
	## In radians; the direction of movement, for a player who never says where its nose points.
	var heading := 0.0
	## How far in the past this is, in ms; NAN at rest.
	var late_ms := NAN
	## Whether nothing will change until something arrives.
	var is_still := true


## A place on the path.
class Sample:
	extends LobbyMove
	## On the sender's clock, unwrapped; minus infinity: since ever.
	var t_ms: float
	## Whether the player did not come here by moving.
	var is_jump := false

	func _init(at_ms: float, at: Vector2, with_velocity: Vector2, with_heading: float) -> void:
		super(at, with_velocity, with_heading)
		t_ms = at_ms

	## Where the cubic Hermite curve from [param a] to [param b] is at [param at_ms].
	static func between(a: Sample, b: Sample, at_ms: float) -> Sample:
		var seconds := (b.t_ms - a.t_ms) / 1000.0
		var s := (at_ms - a.t_ms) / (b.t_ms - a.t_ms)
		var s2 := s * s
		var s3 := s2 * s
		var way := b.position - a.position
		var at := a.position + (3.0 * s2 - 2.0 * s3) * way
		at += seconds * ((s3 - 2.0 * s2 + s) * a.velocity + (s3 - s2) * b.velocity)
		var flow := 6.0 * (s - s2) / seconds * way
		flow += (3.0 * s2 - 4.0 * s + 1.0) * a.velocity + (3.0 * s2 - 2.0 * s) * b.velocity
		return Sample.new(at_ms, at, flow, lerp_angle(a.heading, b.heading, s))
