class_name TradingHub3D
extends Node3D
## The trading hub from outside: a station with a portal that leads to the lobby.

## The ship has flown into the portal.
signal entered

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


## Returns the position of the portal.
func place() -> Vector2:
	return Vector2(_portal.global_position.x, _portal.global_position.z)
