class_name Helm
extends RefCounted
## What somebody wants a ship to do.

## From -1, to the left, to 1.
var turn := 0.0
## From -0.3, backwards, to 1.
var thrust := 0.0


## Flies to [param goal] and stops within [param near] units of it.
func fly_to(goal: Vector2, flight: ShipFlight, near := 2.0) -> void:
	var way := goal - flight.position
	var off := angle_difference(flight.heading, way.angle())
	var far := way.length()
	turn = clampf(2.2 * off, -1.0, 1.0) if far > near else 0.0
	thrust = clampf((far - near) / 10.0, 0.0, 1.0) * clampf(1.2 - absf(off), 0.15, 1.0)


## Lets go.
func rest() -> void:
	turn = 0.0
	thrust = 0.0
