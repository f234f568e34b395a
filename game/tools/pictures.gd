extends SceneTree
## Plays the game and takes pictures of it; see scripts/game_pictures.py. The work is done in photographer.gd, which needs the
## autoloads: they are loaded later than a main loop.


func _initialize() -> void:
	change_scene_to_file(str(ProjectSettings.get_setting("application/run/main_scene")))
	_begin.call_deferred()


func _begin() -> void:
	await process_frame
	var photographer: GDScript = load("res://tools/photographer.gd")
	var node: Node = photographer.new()
	root.add_child(node)
