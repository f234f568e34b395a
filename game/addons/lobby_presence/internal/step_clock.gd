extends RefCounted
## Internal: a clock that advances by the steps of the game.
##
## By the wall clock, two steps may be 0 or 33 ms apart where the game counts 16.7 ms for each. Positions with such times would
## jitter. This clock advances by the length of each step and approaches the wall clock slowly.

## Share of the difference from the wall clock that is corrected at each step.
const CORRECTION := 0.02
## If the difference is larger, in ms, the game was stopped, and the clock jumps to the wall clock.
const LOST_MS := 500.0

## Time of the current step, in ms. NAN before the first step.
var now_ms := NAN
## Sum of the lengths of all steps, in ms, without correction. Use it to measure durations.
var steps_ms := 0.0


## Advances by one step of [param step_ms]. The wall clock shows [param wall_ms].
func step(step_ms: float, wall_ms: float) -> void:
	steps_ms += step_ms
	now_ms += step_ms
	if is_nan(now_ms) or absf(wall_ms - now_ms) > LOST_MS:
		now_ms = wall_ms
	else:
		now_ms += CORRECTION * (wall_ms - now_ms)
