class_name ZoneBounds
extends RefCounted
## The bounds of a zone: a circle.

## Radius around the middle, in units.
var radius: float


func _init(with_radius := INF) -> void:
	radius = with_radius


## Returns [param place] if it is within the bounds, else the nearest position that is.
func kept(place: Vector2) -> Vector2:
	return place.limit_length(radius) if place.is_finite() else Vector2.ZERO


## Returns [param velocity] without the part that leads out of the bounds at [param place]. A ship glides along the wall.
func glided(place: Vector2, velocity: Vector2) -> Vector2:
	var out := place.normalized()
	return velocity - out * maxf(0.0, velocity.dot(out)) if place.length() >= radius else velocity
