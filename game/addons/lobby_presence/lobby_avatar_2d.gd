class_name LobbyAvatar2D
extends Node2D
## What another player looks like, where a game brings nothing of its own: a figure in a colour of its own, its nose, its name
## and status. It fades in and out.

const FADE_S := 0.4
const RADIUS := 16.0

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


## Name and status over its head, and a colour that is the player's own.
func show_player(player: LobbyPlayer) -> void:
	_label.text = ("%s\n%s" % [player.name, player.status]).strip_edges()
	self_modulate = LobbyAvatar3D.colour_of(player.id)


## The name stays upright, however the figure turns.
func show_movement(_velocity: Vector2) -> void:
	_upright.global_rotation = 0.0


## Fades away.
func depart() -> void:
	var tween := create_tween()
	tween.tween_property(self, ^"modulate:a", 0.0, FADE_S)
	tween.tween_callback(queue_free)
