extends RefCounted
## Internal: maps the clock of a sender to the clock of this game. It reads no clock.
##
## The fastest message shows the offset between the clocks best, so the smallest difference of the last seconds counts. Old
## differences are forgotten in two half windows, because clocks drift.

const _LobbyConstants := preload("constants.gd")

## The clock of this game minus the sender's clock, in ms, for the fastest message. Infinite before the first message.
var offset_ms: float:
	get:
		return minf(_least_now, _least_before)
## Whether the last message started a new clock.
var is_new := true

var _modulus_ms: int
var _least_now := INF
var _least_before := INF
var _since_ms := 0.0


## The sender's clock is sent modulo [param modulus_ms]; 0: it never wraps around.
func _init(modulus_ms := _LobbyConstants.CLOCK_MODULUS_MS) -> void:
	_modulus_ms = modulus_ms


## Returns the time [param t] of a message, unwrapped, on the sender's clock, in ms. The message was received at
## [param arrival_ms] on the clock of this game.
func received(t: float, arrival_ms: float) -> float:
	var t_ms := t
	is_new = is_inf(offset_ms)
	if not is_new:
		if _modulus_ms > 0:
			# Of all times that t may mean, take the one nearest to now. So a silence may have any length.
			t_ms += _modulus_ms * roundf((arrival_ms - offset_ms - t) / _modulus_ms)
		var late_ms := arrival_ms - t_ms - offset_ms
		is_new = late_ms < _LobbyConstants.TRACK_CLOCK_EARLIEST_MS or late_ms > _LobbyConstants.TRACK_CLOCK_LATEST_MS
	if is_new:
		_least_now = INF
		_least_before = INF
		_since_ms = arrival_ms
	elif arrival_ms - _since_ms > _LobbyConstants.TRACK_CLOCK_WINDOW_MS:
		_least_before = _least_now
		_least_now = INF
		_since_ms = arrival_ms
	_least_now = minf(_least_now, arrival_ms - t_ms)
	return t_ms
