class_name Autopilot
extends RefCounted
## Steers a ship as the bots do: it idles, drives, turns and stays within the zone. Or it flies to a goal. It uses no nodes.

## At this share of the radius of the zone it turns back.
const EDGE := 0.75

## Where to fly. Not finite: no goal.
var goal := Vector2(INF, INF)

var _chance := RandomNumberGenerator.new()
var _turn := 0.0
var _thrust := 0.0
var _until_s := 0.0
var _now_s := 0.0


func _init(with_seed: int) -> void:
	_chance.seed = with_seed


## Sets [param helm] for the next [param seconds].
func steer(helm: Helm, flight: ShipFlight, seconds: float) -> void:
	if goal.is_finite():
		helm.fly_to(goal, flight.position, flight.heading)
		return
	_now_s += seconds
	if _now_s >= _until_s:
		_change_course()
	helm.turn = _turn
	helm.thrust = _thrust
	if flight.position.length() > EDGE * flight.bounds.radius:
		helm.fly_to(Vector2.ZERO, flight.position, flight.heading)
		helm.thrust = maxf(helm.thrust, 0.6)


func _change_course() -> void:
	var choice := _chance.randf()
	_turn = 0.0 if choice < 0.55 else _chance.randf_range(0.3, 0.7) * (1.0 if _chance.randf() < 0.5 else -1.0)
	_thrust = 0.0 if choice < 0.15 else _chance.randf_range(0.7, 1.0)
	_until_s = _now_s + _chance.randf_range(1.0, 3.5)
