class_name LobbyAvatar2D
extends Node2D
## The default figure of another player in 2D: a disc with a nose, in the player's own colour, with name and status. It fades in
## and out.
##
## [code]color[/code] in the data of the player is the colour, such as [code]"#ff6b5e"[/code]. Without it each id has its own.

@warning_ignore_start("return_value_discarded")

## Duration of fading in and out, in s.
const FADE_S := 0.4
## Radius of the disc, in px.
const RADIUS := 16.0

var _id := ""

@onready var _label: Label = $Upright/Label
@onready var _upright: Node2D = $Upright


func _ready() -> void:
	modulate.a = 0.0
	create_tween().tween_property(self, ^"modulate:a", 1.0, FADE_S)


func _draw() -> void:
	draw_circle(Vector2.ZERO, RADIUS, Color.WHITE)
	draw_colored_polygon(
		[Vector2(1.6 * RADIUS, 0.0), Vector2(0.8 * RADIUS, 0.6 * RADIUS), Vector2(0.8 * RADIUS, -0.6 * RADIUS)], Color.WHITE
	)


## Shows the name and the status of [param player].
func show_player(player: LobbyPlayer) -> void:
	_label.text = ("%s\n%s" % [player.name, player.status]).strip_edges()
	_id = player.id


## Shows the colour in the data of the player.
func set_lobby_data(data: Dictionary) -> void:
	self_modulate = LobbyAvatar3D.colour_in(data, LobbyAvatar3D.colour_of(_id))


## Keeps the name upright when the figure turns.
func show_movement(_velocity: Vector2) -> void:
	_upright.global_rotation = 0.0


## Fades out and frees the node.
func depart() -> void:
	var tween := create_tween()
	tween.tween_property(self, ^"modulate:a", 0.0, FADE_S)
	tween.tween_callback(queue_free)
