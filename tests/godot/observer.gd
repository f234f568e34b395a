extends SceneTree
## Runs a game unchanged and writes one line of JSON for each avatar, five times a second.

const Problems := preload("problems.gd")

var _problems := Problems.new()
var _wait_s := 0.0


func _initialize() -> void:
	OS.add_logger(_problems)
	change_scene_to_file(str(ProjectSettings.get_setting("application/run/main_scene")))


func _process(delta: float) -> bool:
	_wait_s -= delta
	if _wait_s <= 0.0:
		_wait_s = 0.2
		for problem in _problems.take():
			print(JSON.stringify({"problem": problem}))
		for players: Node in (
			root.find_children("*", "LobbyPlayers3D", true, false) + root.find_children("*", "LobbyPlayers2D", true, false)
		):
			for avatar in players.get_children():
				var at: Variant = avatar.get(&"global_position")
				var label: Node = avatar.find_child("Label", true, false)
				print(JSON.stringify({"drawn": str(label.get(&"text")).strip_edges(), "at": str(at)}))
	return false
