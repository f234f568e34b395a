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


func _process(_delta: float) -> void:
	hint_changed.emit("E   stations" if _hub.is_near() and not ship.is_parked and not NetworkManager.is_offline else "")


func help() -> String:
	return super() + "     E: stations     M: sound     Esc: quit"


func landmarks() -> PackedVector2Array:
	return [_hub.place()]


## Opens the list of rooms.
func use() -> void:
	if _hub.is_near() and not ship.is_parked and not NetworkManager.is_offline:
		ship.is_parked = true
		rooms_requested.emit(func() -> void: ship.is_parked = false)
