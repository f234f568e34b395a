class_name RemoteLobbyPlayer
extends Node3D
## Another player's ship, with its name and its status over it. [LobbyPlayers3D] moves it along the track that the addon keeps:
## some hundred milliseconds late, on a curve, for a moment straight on where news is late, and at once where it teleports.

## It is beamed in and out within this time.
const FADE_S := 0.7
## It makes room for another ship with this time constant.
const ROOM_S := 0.15

## Who it is.
var player: LobbyPlayer

var _is_here := false
var _power := 0.0
var _heading := 0.0
var _aside := Vector2.ZERO
var _tween: Tween

## What is written over it.
@onready var plate: Nameplate3D = $Plate
## What it looks like.
@onready var model: ShipModel3D = $Ship


func _ready() -> void:
	model.presence = 0.0
	_heading = rotation.y


func _process(delta: float) -> void:
	plate.presence = model.presence
	if delta > 0.0:
		var turn := -angle_difference(_heading, rotation.y) / delta
		_heading = rotation.y
		model.show_flight(_power, turn, delta)


## Who it is, and what it does.
func show_player(who: LobbyPlayer) -> void:
	player = who
	model.tint = Livery.of(player.id)
	plate.write(player.name, player.status, model.tint)


## How it moves. A player of whom no place is known yet is not shown.
func show_movement(velocity: Vector2) -> void:
	_power = velocity.length() / ShipFlight.TOP_SPEED
	if not _is_here and player.has_position:
		_is_here = true
		_fade(1.0)


## Makes room for others, by [param aside].
func make_room(aside: Vector2, seconds: float) -> void:
	_aside = _aside.lerp(aside, 1.0 - exp(-seconds / ROOM_S))
	model.position = global_basis.inverse() * Vector3(_aside.x, 0.0, _aside.y)
	plate.position = model.position + Vector3(0.0, ShipModel3D.HOVERS_AT + 1.7, 0.0)


## Its player's own colour.
func colour() -> Color:
	return Color(model.tint, model.presence)


## Goes, and is no more.
func depart() -> void:
	_fade(0.0).tween_callback(queue_free)


func _fade(to: float) -> Tween:
	if _tween != null:
		_tween.kill()
	_tween = create_tween()
	_tween.tween_property(model, ^"presence", to, FADE_S * maxf(0.05, absf(model.presence - to)))
	return _tween
