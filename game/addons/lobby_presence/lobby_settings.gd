class_name LobbySettings
extends RefCounted
## The settings of the addon.
##
## A setting named [code]url[/code] is [code]lobby_presence/url[/code] in the project settings, [code]LOBBY_URL[/code] in the
## environment and [code]"url"[/code] in [code]lobby_config.json[/code]. The value is taken from the first of these sources that
## has one: [code]user://lobby_config.json[/code], the environment, [code]res://lobby_config.json[/code], the project settings.

@warning_ignore_start("return_value_discarded")

const _LobbyAxes := preload("internal/axes.gd")

## Prefix of a setting in the project settings.
const SECTION := "lobby_presence/"
## Prefix of a setting in the environment.
const VARIABLE := "LOBBY_"
## Name of the file of settings, in [code]user://[/code] and [code]res://[/code].
const FILE := "lobby_config.json"
## If [member player] is empty and the game has this autoload, its property [constant PLAYER_PROPERTY] is the player's id.
const PLAYER_AUTOLOAD := ^"/root/LocalPlayerData"
## See [constant PLAYER_AUTOLOAD].
const PLAYER_PROPERTY := &"player_id"

## All settings: the default, the meaning, and the lowest and highest number.
const TABLE: Dictionary[String, Dictionary] = {
	"url": {"default": "ws://127.0.0.1:8765/", "meaning": "Address of the lobby."},
	"room": {"default": "", "meaning": "Room to join. Empty: the default room of the lobby."},
	"player":
	{
		"default": "",
		"meaning": "Id of the player. Empty: the player_id of the autoload LocalPlayerData, else an id that the addon makes.",
	},
	"name": {"default": "", "meaning": "Name that other players see. Empty: the id of the player."},
	"token": {"default": "", "meaning": "Token from the backend of your game, if the lobby requires one."},
	"send_ms":
	{
		"default": 100,
		"low": 10,
		"high": 60_000,
		"meaning": "Shortest interval between two positions, in ms. The lobby may ask for a longer one.",
	},
	"axes":
	{
		"default": "xzy",
		"meaning": "Axes of a 3D scene that are x, y and height (z) of the lobby. Two letters, such as xz: no height.",
	},
	"verbose": {"default": false, "meaning": "Print changes of the connection."},
}

## Address of the lobby.
var url := ""
## Room to join. Empty: the default room of the lobby.
var room := ""
## Id of the player. Empty: see [constant PLAYER_AUTOLOAD], else an id that the addon makes.
var player := ""
## Name that other players see. Empty: the id of the player.
var name := ""
## Token from the backend of your game, if the lobby requires one.
var token := ""
## Shortest interval between two positions, in ms. The lobby may ask for a longer one.
var send_ms := 0
## Axes of a 3D scene that are x, y and height (z) of the lobby. Two letters, such as [code]xz[/code]: no height.
var axes := ""
## Print changes of the connection.
var verbose := false
## Problems in the sources, one sentence each.
var problems: PackedStringArray = []


## Returns the settings of this game on this machine.
static func of_this_game() -> LobbySettings:
	var settings := LobbySettings.new()
	var environment := {}
	var project := {}
	for setting in TABLE:
		environment[setting] = OS.get_environment(VARIABLE + setting.to_upper())
		project[setting] = ProjectSettings.get_setting(SECTION + setting, "")
	settings.take(project)
	settings.take_file("res://" + FILE)
	settings.take(environment)
	settings.take_file("user://" + FILE)
	return settings


func _init() -> void:
	for setting in TABLE:
		set(setting, TABLE[setting].default)


## Applies the values of one source, by name. They replace earlier values; empty values are ignored.
func take(source: Dictionary) -> void:
	for setting in TABLE:
		if str(source.get(setting, "")):
			_take(setting, str(source[setting]))


## Applies the values of a JSON file, if it exists.
func take_file(path: String) -> void:
	if not FileAccess.file_exists(path):
		return
	var json := JSON.new()
	if json.parse(FileAccess.get_file_as_string(path)) == OK and json.data is Dictionary:
		var source: Dictionary = json.data
		take(source)
	else:
		problems.append("%s is ignored: it is not a JSON object." % path)


## Values are read from text, because the environment has only text and all numbers of JSON are floats.
func _take(setting: String, text: String) -> void:
	var row := TABLE[setting]
	if setting == "axes" and not _LobbyAxes.is_valid(text):
		problems.append("axes is %s; it must be two or three different letters of x, y and z, such as xzy." % text)
		return
	match typeof(row.default):
		TYPE_INT:
			var whole := text.trim_suffix(".0")
			if whole.is_valid_int() and whole.to_int() >= row.low and whole.to_int() <= row.high:
				set(setting, whole.to_int())
			else:
				problems.append("%s is %s; it must be a whole number from %d to %d." % [setting, text, row.low, row.high])
		TYPE_BOOL:
			if text.to_lower() in ["yes", "no", "true", "false", "1", "0"]:
				set(setting, text.to_lower() in ["yes", "true", "1"])
			else:
				problems.append("%s is %s; it must be yes or no." % [setting, text])
		_:
			set(setting, text)
