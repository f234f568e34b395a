class_name LobbyMotion
extends RefCounted
## How fast something moves, from where it is. Reads no clock itself.

## Places farther apart in time than this say nothing of the velocity at either.
const LONGEST_MS := 150.0
## Who is this fast, and so much faster than just before, did not move but was put there.
const TELEPORT_UNITS_PER_S := 60.0
const TELEPORT_TIMES := 4.0

var _position := Vector2.ZERO
var _at_ms := -INF
var _pace := 0.0
var _velocity := Vector2.ZERO


## Its velocity, in units per second, as it is at [param position] now.
func velocity(position: Vector2, now_ms: float) -> Vector2:
	var passed_ms := now_ms - _at_ms
	if passed_ms <= 0.0:
		return _velocity
	_velocity = (position - _position) / (passed_ms / 1000.0) if passed_ms < LONGEST_MS else Vector2.ZERO
	var before := _pace
	_pace = _velocity.length()
	if _pace > TELEPORT_UNITS_PER_S and _pace > TELEPORT_TIMES * before:
		_velocity = Vector2.ZERO
	_position = position
	_at_ms = now_ms
	return _velocity
