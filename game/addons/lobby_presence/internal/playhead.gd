extends RefCounted
## Internal: the moment of a player's past that is on the screen. It reads no clock.
##
## The delay is as short as possible, but long enough that the next position arrives in time. It follows the latest message of
## the last seconds, within bounds.

const _LobbyConstants := preload("constants.gd")

## The moment on the screen, on the sender's clock, in ms. NAN while there is none.
var at_ms := NAN
## How far in the past a player should be drawn, in ms.
var delay_ms: float:
	get:
		var is_measured := _count >= _LobbyConstants.TRACK_DELAY_NEEDS
		var least_ms := _LobbyConstants.TRACK_DELAY_LEAST_MS if is_measured else _LobbyConstants.TRACK_DELAY_START_MS
		var needed_ms := maxf(_worst_now_ms, _worst_before_ms) + _LobbyConstants.TRACK_DELAY_SPARE_MS
		return clampf(needed_ms, least_ms, _LobbyConstants.TRACK_DELAY_MOST_MS)

var _count := 0
var _worst_now_ms := 0.0
var _worst_before_ms := 0.0
var _since_ms := 0.0


## Records that a message received at [param arrival_ms] would have been in time with a delay of [param needed_ms].
func need(needed_ms: float, arrival_ms: float) -> void:
	_count += 1
	if arrival_ms - _since_ms > _LobbyConstants.TRACK_NEED_WINDOW_MS:
		var is_recent := arrival_ms - _since_ms < 2.0 * _LobbyConstants.TRACK_NEED_WINDOW_MS
		_worst_before_ms = _worst_now_ms if is_recent else 0.0
		_worst_now_ms = 0.0
		_since_ms = arrival_ms
	_worst_now_ms = maxf(_worst_now_ms, needed_ms)


## Advances by [param passed_ms]. The sender's clock shows [param here_ms] now. The player is at rest from [param end_ms] on:
## a jump after that moment is not visible.
func play(passed_ms: float, here_ms: float, end_ms := INF) -> void:
	var wanted_ms := here_ms - delay_ms
	var behind_ms := wanted_ms - (at_ms + passed_ms)
	if is_nan(behind_ms) or absf(behind_ms) > _LobbyConstants.TRACK_LOST_MS:
		at_ms = wanted_ms
	elif at_ms >= end_ms:
		at_ms = maxf(wanted_ms, end_ms)
	else:
		var slower_ms := _LobbyConstants.TRACK_SLOWER * passed_ms
		at_ms += passed_ms + clampf(behind_ms, -slower_ms, _LobbyConstants.TRACK_FASTER * passed_ms)


## Stops: no moment is on the screen, because only a position without a time is known.
func stop() -> void:
	at_ms = NAN
