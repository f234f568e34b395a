extends RefCounted
## Internal: the clock that all parts of the addon share. It never runs backwards.


## Milliseconds since the engine started.
static func now_ms() -> float:
	return Time.get_ticks_usec() / 1000.0
