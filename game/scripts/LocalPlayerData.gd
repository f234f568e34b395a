extends Node
## The autoload [code]LocalPlayerData[/code]: id and name of the player on this machine, stored in [code]user://[/code].

const FILE := "user://local_player.json"
const FIRST_NAMES: Array[String] = ["Ada", "Bo", "Cleo", "Dax", "Echo", "Finn", "Gia", "Hal", "Iris", "Jun", "Kit", "Lux"]
const LAST_NAMES: Array[String] = ["Comet", "Drift", "Ember", "Flint", "Haze", "Kite", "Lark", "Nova", "Onyx", "Rook", "Vale"]

## Id of the player.
var player_id := ""
## Name of the player, shown over its ship.
var player_name := ""


func _ready() -> void:
	var stored := stored_in(FILE)
	player_id = stored.id
	if OS.is_debug_build():
		player_id += "." + _random_text()  # during development two copies on one machine are two players
	var name_argument := Arguments.of_this_game().name
	player_name = name_argument if name_argument else stored.name


## Returns the id and the name that are stored in [param path]. If there are none, makes and stores new ones.
static func stored_in(path: String) -> Dictionary[String, String]:
	var text := FileAccess.get_file_as_string(path) if FileAccess.file_exists(path) else ""
	var json := JSON.new()
	var found: Dictionary = json.data if json.parse(text) == OK and json.data is Dictionary else {}
	var id := str(found.get("id", ""))
	var name_found := str(found.get("name", "")).strip_edges().left(32)
	if LobbyPlayer.is_valid_id(id) and id.length() <= 40 and name_found:
		return {"id": id, "name": name_found}
	var made: Dictionary[String, String] = {
		"id": "player_" + _random_text(), "name": "%s %s" % [FIRST_NAMES.pick_random(), LAST_NAMES.pick_random()]
	}
	var file := FileAccess.open(path, FileAccess.WRITE)
	if file != null:
		file.store_string(JSON.stringify(made))
	return made


static func _random_text() -> String:
	return Crypto.new().generate_random_bytes(4).hex_encode()
