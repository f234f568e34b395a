class_name Helm
extends RefCounted
## The controls of a ship.

## From -1, to the left, to 1.
var turn := 0.0
## From -0.3, backwards, to 1.
var thrust := 0.0


## Flies a ship, which is at [param position] and points to [param heading], to within [param near] units of [param goal].
func fly_to(goal: Vector2, position: Vector2, heading: float, near := 2.0) -> void:
	var way := goal - position
	var off := angle_difference(heading, way.angle())
	var far := way.length()
	turn = clampf(2.2 * off, -1.0, 1.0) if far > near else 0.0
	thrust = clampf((far - near) / 10.0, 0.0, 1.0) * clampf(1.2 - absf(off), 0.15, 1.0)


## Releases the controls.
func rest() -> void:
	turn = 0.0
	thrust = 0.0
