class_name Portal3D
extends Node3D
## A portal: a ring of light, and the way through it. It stands upright; one flies through along its Z axis.

## A ship has flown in.
signal entered

## Ships whose middle is within this of the portal's are in.
@export var mouth := 6.0
## Whose ship may use it.
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
