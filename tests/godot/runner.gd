extends SceneTree
## Runs every `test_...` function of the scripts in the command line and prints one line of JSON for each.
##   godot --headless --path game --script .../runner.gd -- .../test_roster.gd ...
## If a script, of a node, has a function `cases()`, `play(case)` runs once for each name that it returns.
## A test fails if an assert fails, on any error or warning, if nodes are left over, and if it takes too long.

const LIMIT_MS := 10_000
const Problems := preload("problems.gd")

var _problems := Problems.new()
var _is_done := false


func _initialize() -> void:
	OS.add_logger(_problems)
	_run.call_deferred()


func _run() -> void:
	await process_frame  # the autoloads are in the tree now
	for file in OS.get_cmdline_user_args():
		var script: GDScript = load(file)
		if script == null or not script.can_instantiate():
			_report(file, "(load)", "\n".join(_problems.take()))
			continue
		for method in script.get_script_method_list():
			var name: String = method.name
			if name.begins_with("test_"):
				_report(file, name, await _run_one(script, name))
			elif name == "cases":
				for case in _cases(script):
					_report(file, case, await _run_one(script, "play", [case]))
	quit()


func _cases(script: GDScript) -> PackedStringArray:
	var test: Node = script.new()
	var cases: PackedStringArray = test.call(&"cases")
	test.free()
	return cases


func _run_one(script: GDScript, name: String, arguments: Array = []) -> String:
	var test: Object = script.new()
	if test is Node:
		root.add_child(test as Node)
	var orphans := Performance.get_monitor(Performance.OBJECT_ORPHAN_NODE_COUNT)
	_is_done = false
	@warning_ignore("missing_await")
	_call(test, name, arguments)
	var deadline := Time.get_ticks_msec() + LIMIT_MS
	# A coroutine that hits an error never ends: look at the problems as well.
	while not _is_done and _problems.are_none() and Time.get_ticks_msec() < deadline:
		await process_frame
	if test is Node:
		test.free()
	var problems := _problems.take()
	if problems.is_empty() and not _is_done:
		problems.append("no end within %d ms" % LIMIT_MS)
	if Performance.get_monitor(Performance.OBJECT_ORPHAN_NODE_COUNT) > orphans:
		problems.append("nodes were left behind")
	return "\n".join(problems)


func _call(test: Object, name: String, arguments: Array) -> void:
	await test.callv(name, arguments)
	_is_done = true


func _report(file: String, name: String, problem: String) -> void:
	print("TEST ", JSON.stringify({"file": file.get_file(), "name": name, "problem": problem}))
