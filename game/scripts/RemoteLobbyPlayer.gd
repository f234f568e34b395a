class_name RemoteLobbyPlayer
extends Node3D
## The ship of another player, with name and status over it. [LobbyPlayers3D] moves it: some hundred ms in the past, on a smooth
## curve, predicted for a moment if messages are late, and at once after a teleport.

## Duration of fading in and out, in s.
const FADE_S := 0.7
## Time constant with which it moves away from another ship, in s.
const ROOM_S := 0.15
## The text over a ship that waves is shown for so long, in s.
const WAVES_S := 2.0

## The player.
var player: LobbyPlayer

var _is_shown := false
var _power := 0.0
var _heading := 0.0
var _aside := Vector2.ZERO
var _tween: Tween
var _greeting: Tween
var _is_greeting := false

## Name and status over the ship.
@onready var plate: Nameplate3D = $Plate
## The visible ship.
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


## Shows name, status and colour of a player.
func show_player(shown: LobbyPlayer) -> void:
	player = shown
	model.tint = Livery.of(player.id, player.data)
	plate.write(player.name, "waves" if _is_greeting else player.status, model.tint)


## Shows the colour that the player has chosen.
func set_lobby_data(_data: Dictionary) -> void:
	show_player(player)


## The player waves: its ship rocks, with a word over it.
func wave() -> void:
	model.wave()
	_greet(true)
	if _greeting != null:
		_greeting.kill()
	_greeting = create_tween()
	_greeting.tween_interval(WAVES_S)
	_greeting.tween_callback(_greet.bind(false))


## Shows the movement. A player without a position is not shown yet.
func show_movement(velocity: Vector2) -> void:
	_power = velocity.length() / ShipFlight.TOP_SPEED
	if not _is_shown and player.has_position:
		_is_shown = true
		_fade(1.0)


## Moves the visible ship aside by [param aside], in units.
func make_room(aside: Vector2, seconds: float) -> void:
	_aside = _aside.lerp(aside, 1.0 - exp(-seconds / ROOM_S))
	model.position = global_basis.inverse() * Vector3(_aside.x, 0.0, _aside.y)
	plate.position = model.position + Vector3(0.0, ShipModel3D.HOVERS_AT + 1.7, 0.0)


## Returns the colour of the player.
func colour() -> Color:
	return Color(model.tint, model.presence)


## Fades out and frees the node.
func depart() -> void:
	_fade(0.0).tween_callback(queue_free)


func _greet(is_greeting: bool) -> void:
	_is_greeting = is_greeting
	show_player(player)


func _fade(to: float) -> Tween:
	if _tween != null:
		_tween.kill()
	_tween = create_tween()
	_tween.tween_property(model, ^"presence", to, FADE_S * maxf(0.05, absf(model.presence - to)))
	return _tween
