class_name ZoneBounds
extends RefCounted
## How far one gets in a zone: a circle. Pure.

## In units, around the middle.
var radius: float


func _init(with_radius := INF) -> void:
	radius = with_radius


## [param place] if it is within, else the nearest that is.
func kept(place: Vector2) -> Vector2:
	return place.limit_length(radius) if place.is_finite() else Vector2.ZERO


## [param velocity] at [param place], without what would lead out: who flies into a wall glides along it.
func glided(place: Vector2, velocity: Vector2) -> Vector2:
	var out := place.normalized()
	return velocity - out * maxf(0.0, velocity.dot(out)) if place.length() >= radius else velocity
