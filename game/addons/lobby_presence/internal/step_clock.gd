class_name LobbyEvenClock
extends RefCounted
## A clock that goes by the game's own steps. By the wall clock two steps may be 0 or 33 ms apart where the game counts 16.7
## for each; positions timed by it would jitter. This one follows the steps, and the wall clock slowly.

## So much of the difference from the wall clock is mended at each step.
const PULL := 0.02
## So far off is no jitter any more: the game stood still.
const LOST_MS := 500.0

## The time of this step.
var now_ms := NAN
## The length of all steps so far: how long something took, without the mending.
var steps_ms := 0.0


## One step of the game, of [param step_ms], at [param wall_ms].
func step(step_ms: float, wall_ms: float) -> void:
	steps_ms += step_ms
	now_ms += step_ms
	if is_nan(now_ms) or absf(wall_ms - now_ms) > LOST_MS:
		now_ms = wall_ms
	else:
		now_ms += PULL * (wall_ms - now_ms)
