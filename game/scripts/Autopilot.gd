class_name Autopilot
extends RefCounted
## Flies about as the bots do: it idles, drives and turns, and keeps within the zone; or it flies to a goal. Pure.

## Near the edge it turns back.
const EDGE := 0.75

## Where to fly; nowhere in particular where that is not finite.
var goal := Vector2(INF, INF)

var _chance := RandomNumberGenerator.new()
var _turn := 0.0
var _thrust := 0.0
var _until_s := 0.0
var _now_s := 0.0


func _init(with_seed: int) -> void:
	_chance.seed = with_seed


## What [param helm] is to do for the next [param seconds].
func steer(helm: Helm, flight: ShipFlight, seconds: float) -> void:
	if goal.is_finite():
		helm.fly_to(goal, flight.position, flight.heading)
		return
	_now_s += seconds
	if _now_s >= _until_s:
		_change_mind()
	helm.turn = _turn
	helm.thrust = _thrust
	if flight.position.length() > EDGE * flight.bounds.radius:
		helm.fly_to(Vector2.ZERO, flight.position, flight.heading)
		helm.thrust = maxf(helm.thrust, 0.6)


func _change_mind() -> void:
	var mood := _chance.randf()
	_turn = 0.0 if mood < 0.55 else _chance.randf_range(0.3, 0.7) * (1.0 if _chance.randf() < 0.5 else -1.0)
	_thrust = 0.0 if mood < 0.15 else _chance.randf_range(0.7, 1.0)
	_until_s = _now_s + _chance.randf_range(1.0, 3.5)
