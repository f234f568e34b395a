class_name LobbyBackoff
extends RefCounted
## When to try again: full jitter, so that the players of a lobby that restarts do not come back in step.

const BASE_MS := 500.0
const LONGEST_MS := 30_000.0
## A connection that lived this long was a good one: the next pause begins small again.
const STEADY_MS := 5_000.0

var _tries := 0


## How long to wait after a connection that lived for [param lived_ms] (0: it never came to be).
## [param chance] is random, from 0 to 1.
func pause_ms(lived_ms: float, chance: float) -> float:
	if lived_ms >= STEADY_MS:
		_tries = 0
	var longest_ms := minf(LONGEST_MS, BASE_MS * 2.0 ** mini(_tries, 16))
	_tries += 1
	return chance * longest_ms


## Begins anew: somebody asked for it.
func reset() -> void:
	_tries = 0
