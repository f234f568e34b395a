extends SceneTree
## A game that a test controls: each line of JSON on the input is a command, each line of JSON on the output is an event.
##   {"call": "send_position", "args": [1, 2]}   calls a method of the LobbyController, or of the node that "on" names
##   {"set": {"paused": true}}                   sets a property of the tree, or of the client
##   {"count": true}                             counts nodes, objects and memory; the answer is the event "counted"
##   {"quit": true}
## Every error and warning of the engine is written as {"problem": ...}.

const Problems := preload("problems.gd")

var _problems := Problems.new()
var _lines: PackedStringArray = []
var _mutex := Mutex.new()
var _reader := Thread.new()
var _client: LobbyClient


func _initialize() -> void:
	OS.add_logger(_problems)
	_reader.start(_read)
	_begin.call_deferred()


func _begin() -> void:
	await process_frame  # the autoloads are in the tree now
	_client = LobbyClient.of(root)
	_client.connected.connect(_report.bind("connected"))
	_client.disconnected.connect(func(reason: String, retry_in_s: float) -> void: _report("disconnected", reason, retry_in_s))
	_client.failed.connect(func(code: String, message: String) -> void: _report("failed", code, message))
	_client.refused.connect(func(code: String, message: String) -> void: _report("refused", code, message))
	_client.corrected.connect(func(at: Vector2) -> void: _report("corrected", at.x, at.y))
	_client.player_joined.connect(_report_player.bind("player_joined"))
	_client.player_left.connect(_report_player.bind("player_left"))
	_client.player_moved.connect(_report_player.bind("player_moved"))
	_client.status_changed.connect(_report_player.bind("status_changed"))
	_client.player_data_changed.connect(func(player: LobbyPlayer) -> void: _report("data", player.id, player.data))
	_client.event_received.connect(func(id: String, event: String, data: Dictionary) -> void: _report("event", id, event, data))
	_client.rooms_listed.connect(func(rooms: Array[Dictionary], next: String) -> void: _report("rooms", rooms, next))
	_client.rooms_failed.connect(func(message: String) -> void: _report("rooms_failed", message))
	_report("ready")


func _process(_delta: float) -> bool:
	for problem in _problems.take():
		print(JSON.stringify({"problem": problem}))
	_mutex.lock()
	var lines := _lines
	_lines = []
	_mutex.unlock()
	for line in lines:
		var command: Dictionary = JSON.parse_string(line)
		_execute(command)
	return false


func _finalize() -> void:
	_reader.wait_to_finish()


func _execute(command: Dictionary) -> void:
	if command.has("quit"):
		quit()
	if command.has("count"):
		_count()
	if command.has("call"):
		var method: String = command.call
		var arguments: Array = command.get("args", [])
		var path: String = command.get("on", "")
		var target := root.get_node(path) if path else _client
		target.callv(method, arguments)
	var changes: Dictionary = command.get("set", {})
	for path: String in changes:
		if path == "paused":
			paused = changes[path]
		else:
			_client.set_indexed(path, changes[path])


func _count() -> void:
	var nodes := Performance.get_monitor(Performance.OBJECT_NODE_COUNT)
	var orphans := Performance.get_monitor(Performance.OBJECT_ORPHAN_NODE_COUNT)
	var objects := Performance.get_monitor(Performance.OBJECT_COUNT)
	_report("counted", nodes, orphans, objects, Performance.get_monitor(Performance.MEMORY_STATIC))


func _report_player(player: LobbyPlayer, event: String) -> void:
	_report(event, player.id, [player.position.x, player.position.y], player.status, player.last_position.z, player.data)


func _report(event: String, ...values: Array) -> void:
	print(JSON.stringify({"event": event, "values": values}))


## Reading blocks, so it runs in a thread. The end of the input, or an empty line, ends it.
func _read() -> void:
	while true:
		var line := OS.read_string_from_stdin(65_536).strip_edges()
		if line.is_empty():
			return
		_mutex.lock()
		_lines.append(line)
		_mutex.unlock()
