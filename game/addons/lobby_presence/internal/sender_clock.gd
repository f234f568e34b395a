class_name LobbySenderClock
extends RefCounted
## Maps a sender's clock to ours. Reads no clock itself.
##
## The message that travelled fastest tells the difference best, so the smallest difference of the last seconds counts;
## two half windows forget old ones, because clocks drift.

## A player's clock travels modulo this.
const WRAP_MS := 65_536
const WINDOW_MS := 30_000.0
## A message this early, or this late, is of another clock: the game was started anew.
const EARLIEST_MS := -2_000.0
const LATEST_MS := 6_000.0

## Ours minus the sender's, for the fastest message; infinite before the first.
var offset_ms: float:
	get:
		return minf(_least_now, _least_before)
## Whether the message that was heard last began a new clock.
var is_new := true

var _wrap_ms: int
var _least_now := INF
var _least_before := INF
var _since_ms := 0.0


## [param wrap_ms]: what the sender's clock travels modulo; 0 for one that does not wrap.
func _init(wrap_ms := WRAP_MS) -> void:
	_wrap_ms = wrap_ms


## The moment [param t] that a message names, unwrapped, on the sender's clock. [param arrival_ms] is on ours.
func heard(t: float, arrival_ms: float) -> float:
	var t_ms := t
	is_new = is_inf(offset_ms)
	if not is_new:
		if _wrap_ms > 0:
			# Of all the moments that t may mean, the one nearest to now: silences of any length do not matter.
			t_ms += _wrap_ms * roundf((arrival_ms - offset_ms - t) / _wrap_ms)
		var late_ms := arrival_ms - t_ms - offset_ms
		is_new = late_ms < EARLIEST_MS or late_ms > LATEST_MS
	if is_new:
		_least_now = INF
		_least_before = INF
		_since_ms = arrival_ms
	elif arrival_ms - _since_ms > WINDOW_MS:
		_least_before = _least_now
		_least_now = INF
		_since_ms = arrival_ms
	_least_now = minf(_least_now, arrival_ms - t_ms)
	return t_ms
