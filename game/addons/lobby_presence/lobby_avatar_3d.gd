class_name LobbyAvatar3D
extends Node3D
## What another player looks like, where a game brings nothing of its own: a figure in a colour of its own, its nose, its name
## and status. It fades in and out.

const FADE_S := 0.4

var _paint := StandardMaterial3D.new()
var _presence := 0.0:
	set = _set_presence

@onready var _body: MeshInstance3D = $Body
@onready var _nose: MeshInstance3D = $Body/Nose
@onready var _label: Label3D = $Label


func _ready() -> void:
	_body.material_override = _paint
	_nose.material_override = _paint
	_set_presence(0.0)
	create_tween().tween_property(self, ^"_presence", 1.0, FADE_S)


## Name and status over its head, and a colour that is the player's own.
func show_player(player: LobbyPlayer) -> void:
	_label.text = ("%s\n%s" % [player.name, player.status]).strip_edges()
	_paint.albedo_color = LobbyAvatar3D.colour_of(player.id, _presence)


## Fades away.
func depart() -> void:
	var tween := create_tween()
	tween.tween_property(self, ^"_presence", 0.0, FADE_S)
	tween.tween_callback(queue_free)


## A colour for [param id]: always the same one.
static func colour_of(id: String, alpha := 1.0) -> Color:
	return Color.from_ok_hsl(fposmod(id.hash() * 0.618034, 1.0), 0.75, 0.65, alpha)


func _set_presence(share: float) -> void:
	_presence = share
	_label.modulate.a = share
	_label.outline_modulate.a = share
	_paint.albedo_color.a = share
	# Who is all there casts a shadow and hides what is behind.
	var fades := BaseMaterial3D.TRANSPARENCY_ALPHA if share < 1.0 else BaseMaterial3D.TRANSPARENCY_DISABLED
	_paint.transparency = fades as BaseMaterial3D.Transparency
