class_name ShipModel3D
extends Node3D
## The visible ship: hull, flames, and over a polished floor its light and its mirror image. Its parent moves it.

## Nodes in this group are floors that reflect ships.
const FLOOR := &"floor"
## Height of a ship over the floor, in units.
const HOVERS_AT := 2.3
## Largest lean in a turn, in radians.
const LEANS := 0.55
const SETTLES_S := 0.12
## A ship that waves rocks for so long, in s, so many times, by so much, in radians.
const WAVE_S := 1.2
const WAVE_TIMES := 3.0
const WAVE_LEANS := 0.5

## Colour of the player.
var tint := Color.WHITE:
	set = _set_tint
## Opacity, from 0 to 1.
var presence := 1.0:
	set = _set_presence

var _power := 0.0
var _lean := 0.0
var _wave_s := 0.0
var _age_s := randf() * 10.0

@onready var _tilt: Node3D = $Tilt
@onready var _hull: MeshInstance3D = $Tilt/Hull
@onready var _flames: MeshInstance3D = $Tilt/Flames
@onready var _pool: MeshInstance3D = $Pool
@onready var _image: MeshInstance3D = $Image


func _ready() -> void:
	_hull.mesh = ShipHull.mesh()
	_image.mesh = _hull.mesh
	_flames.mesh = ShipHull.flames()
	_pool.visible = get_tree().has_group(FLOOR)
	_image.visible = _pool.visible
	_set_tint(tint)
	_set_presence(presence)


## Shows the flight: [param power] from 0 to 1, [param turn] in radians per second to the right.
func show_flight(power: float, turn: float, seconds: float) -> void:
	var share := 1.0 - exp(-seconds / SETTLES_S)
	_power = lerpf(_power, power, share)
	_lean = lerpf(_lean, clampf(turn / ShipFlight.TURNING, -1.0, 1.0) * LEANS, share)
	_age_s += seconds
	_wave_s = maxf(0.0, _wave_s - seconds)
	var rocks := WAVE_LEANS * sin(TAU * WAVE_TIMES * _wave_s / WAVE_S) * _wave_s / WAVE_S
	_tilt.position.y = HOVERS_AT + 0.12 * sin(_age_s * 1.7)
	_tilt.rotation = Vector3(-0.05 * _power + 0.02 * sin(_age_s * 1.3), 0.0, rocks - _lean)
	_flames.set_instance_shader_parameter(&"power", _power * presence)
	if _image.visible:
		# Upside down, as far below the floor as the ship is above it.
		_image.transform = Transform3D(Basis.FLIP_Y * _tilt.basis, -_tilt.position)


## Rocks the ship for a moment.
func wave() -> void:
	_wave_s = WAVE_S


func _set_tint(colour: Color) -> void:
	tint = colour
	if is_node_ready():
		for part: MeshInstance3D in [_hull, _flames, _pool, _image]:
			part.set_instance_shader_parameter(&"tint", colour)


func _set_presence(share: float) -> void:
	presence = share
	if is_node_ready():
		visible = share > 0.0
		for part: MeshInstance3D in [_hull, _pool, _image]:
			part.set_instance_shader_parameter(&"presence", share)
