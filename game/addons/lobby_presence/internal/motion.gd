extends RefCounted
## Internal: computes a velocity from successive positions. It reads no clock.

## Positions farther apart in time than this, in ms, give no velocity.
const LONGEST_MS := 150.0
## A node this fast, in units per second, and so many times faster than in the step before, was teleported.
const TELEPORT_UNITS_PER_S := 60.0
const TELEPORT_TIMES := 4.0

var _position := Vector3.ZERO
var _at_ms := -INF
var _speed := 0.0
var _velocity := Vector3.ZERO


## Returns the velocity, in units per second, of a node that is at [param position] at [param now_ms].
func velocity(position: Vector3, now_ms: float) -> Vector3:
	var passed_ms := now_ms - _at_ms
	if passed_ms <= 0.0:
		return _velocity
	_velocity = (position - _position) / (passed_ms / 1000.0) if passed_ms < LONGEST_MS else Vector3.ZERO
	var before := _speed
	_speed = _velocity.length()
	if _speed > TELEPORT_UNITS_PER_S and _speed > TELEPORT_TIMES * before:
		_velocity = Vector3.ZERO
	_position = position
	_at_ms = now_ms
	return _velocity
