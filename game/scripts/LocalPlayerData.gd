extends Node
## The autoload [code]LocalPlayerData[/code]: who plays on this machine. Kept in [code]user://[/code].

const FILE := "user://local_player.json"
const FIRST_NAMES: Array[String] = ["Ada", "Bo", "Cleo", "Dax", "Echo", "Finn", "Gia", "Hal", "Iris", "Jun", "Kit", "Lux"]
const LAST_NAMES: Array[String] = ["Comet", "Drift", "Ember", "Flint", "Haze", "Kite", "Lark", "Nova", "Onyx", "Rook", "Vale"]

## What others know you by.
var player_id := ""
## What is written over your ship.
var player_name := ""


func _ready() -> void:
	var kept := kept_in(FILE)
	player_id = kept.id
	if OS.is_debug_build():
		player_id += "." + _chance()  # while a game is made, two copies of it on one desk are two players
	var said := Arguments.of_this_game().name
	player_name = said if said else kept.name


## The id and the name that [param path] keeps; new ones, which it keeps from now on, where it has none.
static func kept_in(path: String) -> Dictionary[String, String]:
	var text := FileAccess.get_file_as_string(path) if FileAccess.file_exists(path) else ""
	var json := JSON.new()
	var found: Dictionary = json.data if json.parse(text) == OK and json.data is Dictionary else {}
	var id := str(found.get("id", ""))
	var name_found := str(found.get("name", "")).strip_edges().left(32)
	if LobbyPlayer.is_valid_id(id) and id.length() <= 40 and name_found:
		return {"id": id, "name": name_found}
	var made: Dictionary[String, String] = {
		"id": "pilot_" + _chance(), "name": "%s %s" % [FIRST_NAMES.pick_random(), LAST_NAMES.pick_random()]
	}
	var file := FileAccess.open(path, FileAccess.WRITE)
	if file != null:
		file.store_string(JSON.stringify(made))
	return made


static func _chance() -> String:
	return Crypto.new().generate_random_bytes(4).hex_encode()
