class_name PlayerRow
extends HBoxContainer
## One row of the list of players: colour, name and status.

var _mark := ColorRect.new()
var _name := Label.new()
var _status := Label.new()


func _init() -> void:
	add_theme_constant_override(&"separation", 10)
	_mark.custom_minimum_size = Vector2(4.0, 15.0)
	_mark.size_flags_vertical = Control.SIZE_SHRINK_CENTER
	_name.size_flags_horizontal = Control.SIZE_EXPAND_FILL
	_name.text_overrun_behavior = TextServer.OVERRUN_TRIM_ELLIPSIS
	_status.theme_type_variation = &"Warm"
	for part: Control in [_mark, _name, _status]:
		part.mouse_filter = Control.MOUSE_FILTER_IGNORE
		add_child(part)


## Shows [param player]. Null hides the row.
func show_player(player: LobbyPlayer) -> void:
	visible = player != null
	if player != null:
		_show(Livery.of(player.id, player.data), player.name, player.status)


## Shows the local player.
func show_you() -> void:
	var me := LobbyController.me
	_show(LobbyController.colour(), LobbyController.settings.name + "  (you)", me.status)


func _show(colour: Color, named: String, status: String) -> void:
	_mark.color = colour
	_name.text = named
	_status.text = status
