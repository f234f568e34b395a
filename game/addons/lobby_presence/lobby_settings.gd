class_name LobbySettings
extends RefCounted
## What a game may set, once: this table feeds the project settings, the file, the environment and the docs.
##
## A setting named [code]url[/code] is [code]lobby_presence/url[/code] in the project settings, [code]LOBBY_URL[/code] in the
## environment and [code]"url"[/code] in [code]lobby_config.json[/code]. That file in [code]user://[/code] wins over the
## environment, the environment over that file in [code]res://[/code], and this over the project settings.

const SECTION := "lobby_presence/"
const VARIABLE := "LOBBY_"
const FILE := "lobby_config.json"

## Every setting: its default, what it means, and for numbers the least and the most.
const TABLE: Dictionary[String, Dictionary] = {
	"url": {"default": "ws://127.0.0.1:8765/", "meaning": "Address of the lobby."},
	"room": {"default": "", "meaning": "Room to enter; empty for the lobby's own default."},
	"player":
	{
		"default": "",
		"meaning": "Who you are. Empty: what the autoload LocalPlayerData has as player_id, else an id made by the addon.",
	},
	"name": {"default": "", "meaning": "What is written over your head; empty for your player id."},
	"token": {"default": "", "meaning": "A token from your game's backend, where the lobby wants one."},
	"send_ms":
	{
		"default": 100,
		"low": 10,
		"high": 60_000,
		"meaning": "No position is sent sooner than this after the one before; the lobby may ask for more.",
	},
	"verbose": {"default": false, "meaning": "Print what happens to the connection."},
}

## These seven are the settings; [constant TABLE] says what they mean.
var url := ""
var room := ""
var player := ""
var name := ""
var token := ""
var send_ms := 0
var verbose := false
## What is wrong with the sources, one sentence each.
var problems: PackedStringArray = []


## The settings of this game on this machine.
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


## Takes in what one source says; it wins over what was taken in before. Empty values say nothing.
func take(source: Dictionary) -> void:
	for setting in TABLE:
		if str(source.get(setting, "")):
			_take(setting, str(source[setting]))


## Takes in a file, where there is one.
func take_file(path: String) -> void:
	if not FileAccess.file_exists(path):
		return
	var json := JSON.new()
	if json.parse(FileAccess.get_file_as_string(path)) == OK and json.data is Dictionary:
		var source: Dictionary = json.data
		take(source)
	else:
		problems.append("%s is not used: it is no JSON object of settings." % path)


## Settings are read from text: the environment knows nothing else, and JSON's numbers are all floats.
func _take(setting: String, text: String) -> void:
	var row := TABLE[setting]
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
