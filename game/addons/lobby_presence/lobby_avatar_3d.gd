class_name LobbyAvatar3D
extends Node3D
## The default figure of another player in 3D: a capsule with a nose, in the player's own colour, with name and status. It fades
## in and out.
##
## [code]color[/code] in the data of the player is the colour, such as [code]"#ff6b5e"[/code]. Without it each id has its own.

@warning_ignore_start("return_value_discarded")

## Duration of fading in and out, in s.
const FADE_S := 0.4

var _id := ""
var _paint := StandardMaterial3D.new()
var _opacity := 0.0:
	set = _set_opacity

@onready var _body: MeshInstance3D = $Body
@onready var _nose: MeshInstance3D = $Body/Nose
@onready var _label: Label3D = $Label


func _ready() -> void:
	_body.material_override = _paint
	_nose.material_override = _paint
	_set_opacity(0.0)
	create_tween().tween_property(self, ^"_opacity", 1.0, FADE_S)


## Shows the name and the status of [param player].
func show_player(player: LobbyPlayer) -> void:
	_label.text = ("%s\n%s" % [player.name, player.status]).strip_edges()
	_id = player.id


## Shows the colour in the data of the player.
func set_lobby_data(data: Dictionary) -> void:
	_paint.albedo_color = Color(LobbyAvatar3D.colour_in(data, LobbyAvatar3D.colour_of(_id)), _opacity)


## Fades out and frees the node.
func depart() -> void:
	var tween := create_tween()
	tween.tween_property(self, ^"_opacity", 0.0, FADE_S)
	tween.tween_callback(queue_free)


## Returns the colour of the player [param id]. It is always the same.
static func colour_of(id: String, alpha := 1.0) -> Color:
	return Color.from_ok_hsl(fposmod(id.hash() * 0.618034, 1.0), 0.75, 0.65, alpha)


## Returns the colour that a player has chosen: [code]color[/code] in its data, as [code]"#rrggbb"[/code]. If there is none, or
## if it is not valid, returns [param otherwise].
static func colour_in(data: Dictionary, otherwise: Color) -> Color:
	var chosen: Variant = data.get("color")
	var text: String = chosen if chosen is String else ""
	return Color.html(text) if text.length() == 7 and text[0] == "#" and Color.html_is_valid(text) else otherwise


func _set_opacity(share: float) -> void:
	_opacity = share
	_label.modulate.a = share
	_label.outline_modulate.a = share
	_paint.albedo_color.a = share
	# An opaque figure casts a shadow and hides what is behind it.
	var fades := BaseMaterial3D.TRANSPARENCY_ALPHA if share < 1.0 else BaseMaterial3D.TRANSPARENCY_DISABLED
	_paint.transparency = fades as BaseMaterial3D.Transparency
