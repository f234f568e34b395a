class_name ZoneMain3D
extends Zone3D
## The main zone: open space, some asteroids, and the trading hub, whose portal leads to the lobby.

## Out of the hub, one appears so far before it.
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
