class_name LobbyAvatar2D
extends Node2D
## The default figure of another player in 2D: a disc with a nose, in the player's own colour, with name and status. It fades in
## and out. If the figure is not turned, the nose points to the side to which the player moves.
##
## [code]color[/code] in the data of the player is the colour, such as [code]"#ff6b5e"[/code]. Without it each id has its own.

@warning_ignore_start("return_value_discarded")

## Duration of fading in and out, in s.
const FADE_S := 0.4
## Radius of the disc, in px.
const RADIUS := 16.0
## Width of the dark line around the figure, which separates it from a background of the same colour, in px.
const LINE := 2.0
## A figure turns round after it has moved back so far, in px. A smoothed movement may swing back a little where it ends.
const TURN_ROUND := 6.0

## Side to which a figure faces that is not turned: 1 right, -1 left. Read only.
var facing := 1.0

var _id := ""
var _turns := false
var _furthest_x := NAN  # on the side to which the figure faces

@onready var _label: Label = $Upright/Label
@onready var _upright: Node2D = $Upright


func _ready() -> void:
	modulate.a = 0.0
	create_tween().tween_property(self, ^"modulate:a", 1.0, FADE_S)


func _draw() -> void:
	draw_set_transform(Vector2.ZERO, 0.0, Vector2(facing, 1.0))
	_draw_figure(LINE, Color.BLACK)
	_draw_figure(0.0, Color.WHITE)


## Shows the name and the status of [param player].
func show_player(player: LobbyPlayer) -> void:
	_label.text = ("%s\n%s" % [player.name, player.status]).strip_edges()
	_id = player.id


## Shows the colour in the data of the player.
func set_lobby_data(data: Dictionary) -> void:
	self_modulate = LobbyAvatar3D.colour_in(data, LobbyAvatar3D.colour_of(_id))


## Points the nose to the side to which the player moves, unless the figure turns. Keeps the name upright when it turns.
func show_movement(_velocity: Vector2) -> void:
	_upright.global_rotation = 0.0
	_turns = _turns or not is_zero_approx(global_rotation)
	var x := global_position.x
	var moved := facing * (x - _furthest_x)
	if is_nan(moved) or moved > 0.0:
		_furthest_x = x
	elif moved < -TURN_ROUND and not _turns:
		_face(-facing)
		_furthest_x = x
	if _turns:
		_face(1.0)


## Fades out and frees the node.
func depart() -> void:
	var tween := create_tween()
	tween.tween_property(self, ^"modulate:a", 0.0, FADE_S)
	tween.tween_callback(queue_free)


func _face(side: float) -> void:
	if side != facing:
		facing = side
		queue_redraw()


func _draw_figure(margin: float, colour: Color) -> void:
	draw_circle(Vector2.ZERO, RADIUS + margin, colour)
	var half := 0.6 * RADIUS + margin
	var nose: PackedVector2Array = [
		Vector2(1.6 * RADIUS + 1.5 * margin, 0.0), Vector2(0.8 * RADIUS, half), Vector2(0.8 * RADIUS, -half)
	]
	draw_colored_polygon(nose, colour)
