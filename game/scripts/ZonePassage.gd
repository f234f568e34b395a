class_name ZonePassage
extends RefCounted
## The passage from one zone to another: the screen darkens, the zones are exchanged in the dark, and it lightens. Time and
## readiness are arguments.

## What to do now. LEAVE: it is dark, remove the old zone. ARRIVE: show the new one. END: the passage has ended.
enum Step { NOTHING, LEAVE, ARRIVE, END }

const DARKEN_S := 0.22
const LIGHTEN_S := 0.3

## From 0 to 1.
var darkness := 0.0
## The next zone.
var goal: StringName
## Whether a passage is under way.
var is_on := false
## Time since the screen was dark, in s.
var dark_s := 0.0

var _next := Step.NOTHING


## Starts a passage to [param to]. Returns false if one is under way. [param from_dark]: the screen is already dark.
func begin(to: StringName, from_dark := false) -> bool:
	if is_on:
		return false
	goal = to
	is_on = true
	dark_s = 0.0
	_next = Step.LEAVE
	if from_dark:
		darkness = 1.0
	return true


## Advances by [param seconds]. [param is_ready]: the new zone can be shown.
func advance(seconds: float, is_ready: bool) -> Step:
	match _next:
		Step.LEAVE:
			darkness = minf(1.0, darkness + seconds / DARKEN_S)
			return _done(Step.ARRIVE) if darkness >= 1.0 else Step.NOTHING
		Step.ARRIVE:
			dark_s += seconds
			return _done(Step.END) if is_ready else Step.NOTHING
		Step.END:
			darkness = maxf(0.0, darkness - seconds / LIGHTEN_S)
			is_on = darkness > 0.0
			return Step.NOTHING if is_on else _done(Step.NOTHING)
	return Step.NOTHING


func _done(next: Step) -> Step:
	var step := _next
	_next = next
	return step
