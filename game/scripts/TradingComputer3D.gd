class_name TradingComputer3D
extends Node3D
## The trading computer: a globe of light over a pedestal, with panes of prices that turn around it.

## A ship can use it within this distance, in units.
@export var reach := 16.0
## The ship that may use it.
var ship: PlayerShip3D

@onready var _globe: Node3D = $Globe
@onready var _panes: Node3D = $Panes


func _process(delta: float) -> void:
	_globe.rotate_y(0.25 * delta)
	_panes.rotate_y(-0.10 * delta)
	_panes.position.y = 10.5 + 0.25 * sin(Time.get_ticks_msec() * 0.0008)


## Whether the ship is close enough to trade.
func is_near() -> bool:
	var here := Vector2(global_position.x, global_position.z)
	return ship != null and ship.flight.position.distance_to(here) < reach
