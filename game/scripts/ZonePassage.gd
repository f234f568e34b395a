class_name ZonePassage
extends RefCounted
## The way from one zone to another: it darkens, the zones are changed in the dark, it lightens. Pure; time and readiness are
## given to it.

## What there is to do now. Leave: it is dark, the old zone may go. Arrive: the new one may be shown. End: all is light again.
enum Step { NOTHING, LEAVE, ARRIVE, END }

const DARKEN_S := 0.22
const LIGHTEN_S := 0.3

## From 0 to 1.
var darkness := 0.0
## Where to.
var goal: StringName
## Whether one is under way.
var is_on := false
## For how long it has been all dark.
var dark_s := 0.0

var _next := Step.NOTHING


## Sets out for [param to]; false where one is under way already. [param from_dark]: there was nothing before.
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


## Goes on for [param seconds]. [param is_ready]: there is nothing more to wait for in the dark.
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
