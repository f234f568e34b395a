class_name Portal3D
extends Node3D
## A portal: an upright ring of light. A ship flies through it along its Z axis.

## The ship has flown in.
signal entered

## The ship is inside at this distance from the middle or less, in units.
@export var mouth := 6.0
## The ship that may use the portal.
var ship: PlayerShip3D

var _was_inside := true


func _physics_process(_delta: float) -> void:
	if ship == null:
		return
	var here := Vector2(global_position.x, global_position.z)
	var is_inside := ship.flight.position.distance_to(here) < mouth
	if is_inside and not _was_inside:
		entered.emit()
	_was_inside = is_inside
