class_name TradingHub3D
extends Node3D
## The trading hub from outside: a station with a portal that leads to the lobby.

## The ship has flown into the portal.
signal entered

## The list of rooms can be opened within this distance from the portal, in units.
@export var reach := 40.0
## The ship that may enter.
var ship: PlayerShip3D:
	set(entering):
		ship = entering
		_portal.ship = entering

@onready var _portal: Portal3D = $Portal
@onready var _wheel: Node3D = $Wheel


func _ready() -> void:
	_portal.entered.connect(entered.emit)


func _process(delta: float) -> void:
	_wheel.rotate_object_local(Vector3.BACK, 0.05 * delta)


## Whether the ship is close enough to choose where the portal leads to.
func is_near() -> bool:
	return ship != null and ship.flight.position.distance_to(place()) < reach


## Returns the position of the portal.
func place() -> Vector2:
	return Vector2(_portal.global_position.x, _portal.global_position.z)
