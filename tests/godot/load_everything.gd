extends SceneTree
## Loads every script and scene of the project, instantiates each scene, and reports errors.

@warning_ignore_start("return_value_discarded")

const Problems := preload("problems.gd")

var _problems := Problems.new()


func _initialize() -> void:
	OS.add_logger(_problems)
	_run.call_deferred()


func _run() -> void:
	await process_frame  # the autoloads are in the tree now
	var count := 0
	for path in _files("res://"):
		count += 1
		var loaded := load(path)
		if loaded is PackedScene:
			var scene := (loaded as PackedScene).instantiate()
			root.add_child(scene)
			await process_frame
			scene.free()
		elif not (loaded is GDScript and (loaded as GDScript).can_instantiate()):
			push_error(path + " does not load")
	for problem in _problems.take():
		print("PROBLEM ", problem)
	print("LOADED ", count)
	quit()


func _files(folder: String) -> PackedStringArray:
	var found: PackedStringArray = []
	for file in DirAccess.get_files_at(folder):
		if file.get_extension() in ["gd", "tscn"]:
			found.append(folder.path_join(file))
	for sub in DirAccess.get_directories_at(folder):
		if not sub.begins_with("."):
			found.append_array(_files(folder.path_join(sub)))
	return found
