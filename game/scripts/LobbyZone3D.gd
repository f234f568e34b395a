class_name LobbyZone3D
extends Zone3D
## The lobby: the hall of the station, where players meet. The trading computer is in the middle, the gate at +Z.

@onready var _computer: TradingComputer3D = $Computer
@onready var _gate: Portal3D = $Gate


func _ready() -> void:
	super()
	camera.reach = radius - 2.0
	_gate.ship = ship
	_gate.entered.connect(func() -> void: left.emit(way_out))
	_computer.ship = ship


func _process(_delta: float) -> void:
	hint_changed.emit("E   trade" if _computer.is_near() and not ship.is_parked else "")


func help() -> String:
	return super() + "     E: trade     M: sound     Esc: leave"


func landmarks() -> PackedVector2Array:
	return [Vector2.ZERO, Vector2(_gate.position.x, _gate.position.z)]


## Opens the trading screen and sets the status.
func use() -> void:
	if ship.is_parked or not _computer.is_near():
		return
	ship.is_parked = true
	LobbyController.set_status("trading")
	trading_started.emit(stop_trading)


## Closes the trade and removes the status.
func stop_trading() -> void:
	ship.is_parked = false
	LobbyController.set_status("")
