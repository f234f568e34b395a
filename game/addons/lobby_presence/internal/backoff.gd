extends RefCounted
## Internal: how long to wait before the next retry. Full jitter spreads the retries of all players after a restart.

const _LobbyConstants := preload("constants.gd")

var _tries := 0


## Returns the pause before the next retry, in ms, after a connection that lived for [param lived_ms] (0: it never opened).
## [param random] is a random number from 0 to 1.
func pause_ms(lived_ms: float, random: float) -> float:
	if lived_ms >= _LobbyConstants.BACKOFF_STEADY_MS:
		_tries = 0
	var longest_ms := minf(_LobbyConstants.BACKOFF_LONGEST_MS, _LobbyConstants.BACKOFF_BASE_MS * 2.0 ** mini(_tries, 16))
	_tries += 1
	return random * longest_ms


## The next pause is as short as the first.
func reset() -> void:
	_tries = 0
