class_name TradingHub3D
extends Node3D
## The trading hub, seen from outside: a station with a portal, which leads to the lobby.

## A ship has flown into the portal.
signal entered

## Whose ship may enter.
var ship: PlayerShip3D:
	set(whose):
		ship = whose
		_portal.ship = whose

@onready var _portal: Portal3D = $Portal
@onready var _wheel: Node3D = $Wheel


func _ready() -> void:
	_portal.entered.connect(entered.emit)


func _process(delta: float) -> void:
	_wheel.rotate_object_local(Vector3.BACK, 0.05 * delta)


## Where the portal is.
func place() -> Vector2:
	return Vector2(_portal.global_position.x, _portal.global_position.z)
