extends RefCounted
## The path of a bot of `lobby bots`: it idles, drives and turns. A port of `Walker` in lobby.client.bots.

const ARENA := 60.0
const FRAME_MS := 1000.0 / 60.0

## Its position at each step.
var positions: Array[LobbyPosition] = []

var _chance := RandomNumberGenerator.new()
var _position: Vector2
var _heading: float
var _speed := 0.0
var _top: float
var _acceleration: float
var _turning: float
var _wanted_speed := 0.0
var _wanted_turn := 0.0
var _now_s := 0.0
var _until_s: float


## A path of [param seconds], in steps of a sixtieth of a second.
func _init(number: int, seconds: float) -> void:
	_chance.seed = number
	_position = Vector2.from_angle(_chance.randf_range(-PI, PI)) * ARENA * sqrt(_chance.randf())
	_heading = _chance.randf_range(-PI, PI)
	_top = _chance.randf_range(10.0, 15.0)
	_acceleration = _chance.randf_range(20.0, 40.0)
	_turning = deg_to_rad(_chance.randf_range(45.0, 90.0))
	_until_s = _chance.randf_range(0.0, 2.0)
	while _now_s < seconds:
		_step(FRAME_MS / 1000.0)


func until_ms() -> float:
	return (positions.size() - 2) * FRAME_MS


## Its position at a moment.
func at(ms: float) -> LobbyPosition:
	var exact := clampf(ms / FRAME_MS, 0.0, positions.size() - 2.0)
	var a := positions[int(exact)]
	var b := positions[int(exact) + 1]
	return LobbyPosition.new(a.position.lerp(b.position, exact - int(exact)), a.velocity, a.heading)


func _step(seconds: float) -> void:
	_now_s += seconds
	if _now_s >= _until_s:
		_change_course()
	_speed = move_toward(_speed, _wanted_speed, _acceleration * seconds)
	_heading = wrapf(_heading + _turn() * seconds, -PI, PI)
	var velocity := Vector2.from_angle(_heading) * _speed
	_position += velocity * seconds
	positions.append(LobbyPosition.new(_position, velocity, _heading))


func _turn() -> float:
	if _speed > 0.0 and _position.length() > ARENA:
		var homewards := angle_difference(_heading, (-_position).angle())
		if absf(homewards) > 0.2:
			return signf(homewards) * _turning
	return _wanted_turn


func _change_course() -> void:
	var choice := _chance.randf()
	_wanted_speed = 0.0 if choice < 0.2 else _top
	_wanted_turn = 0.0
	var lasts_s := _chance.randf_range(1.0, 4.0)
	if choice >= 0.6:
		_wanted_speed *= _chance.randf_range(0.6, 1.0)
		_wanted_turn = _turning * (1.0 if _chance.randf() < 0.5 else -1.0)
		lasts_s = _chance.randf_range(0.5, 2.0)
	_until_s = _now_s + lasts_s
