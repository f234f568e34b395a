class_name ZoneMain3D
extends Zone3D
## The main zone: open space, asteroids, and the trading hub with the portal to the lobby.

## A ship that leaves the hub appears at this distance before it, in units.
const BEFORE_HUB := 24.0

@onready var _hub: TradingHub3D = $Hub


func _ready() -> void:
	super()
	_hub.ship = ship
	_hub.entered.connect(func() -> void: left.emit(&"lobby"))


func arrive(from: StringName) -> void:
	super(from)
	if from:
		var ahead := Vector2(_hub.global_basis.z.x, _hub.global_basis.z.z)
		ship.appear(_hub.place() + BEFORE_HUB * ahead, ahead.angle())
		camera.snap()
	elif ship.autopilot != null:
		ship.autopilot.goal = _hub.place()


func help() -> String:
	return super() + "     M: sound     Esc: quit"


func landmarks() -> PackedVector2Array:
	return [_hub.place()]
