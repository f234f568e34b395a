extends SceneTree
## A game that is played from outside: one line of JSON in is one thing done, one line of JSON out is one thing that happened.
##   {"call": "send_position", "args": [1, 2]}   a method of the LobbyController, or of what "on" names
##   {"set": {"paused": true}}                   a property of the tree, or of what the path names
##   {"count": true}                             how much there is of everything? The answer is the event "counted"
##   {"quit": true}
## Everything that the engine complains of comes out as {"problem": ...}.

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
	_client.connected.connect(_tell.bind("connected"))
	_client.disconnected.connect(func(reason: String, again_s: float) -> void: _tell("disconnected", reason, again_s))
	_client.failed.connect(func(code: String, message: String) -> void: _tell("failed", code, message))
	_client.refused.connect(func(code: String, message: String) -> void: _tell("refused", code, message))
	_client.corrected.connect(func(at: Vector2) -> void: _tell("corrected", at.x, at.y))
	_client.player_joined.connect(_tell_player.bind("player_joined"))
	_client.player_left.connect(_tell_player.bind("player_left"))
	_client.player_moved.connect(_tell_player.bind("player_moved"))
	_client.status_changed.connect(_tell_player.bind("status_changed"))
	_tell("ready")


func _process(_delta: float) -> bool:
	for problem in _problems.take():
		print(JSON.stringify({"problem": problem}))
	_mutex.lock()
	var lines := _lines
	_lines = []
	_mutex.unlock()
	for line in lines:
		var command: Dictionary = JSON.parse_string(line)
		_obey(command)
	return false


func _finalize() -> void:
	_reader.wait_to_finish()


func _obey(command: Dictionary) -> void:
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
	_tell("counted", nodes, orphans, objects, Performance.get_monitor(Performance.MEMORY_STATIC))


func _tell_player(player: LobbyPlayer, what: String) -> void:
	_tell(what, player.id, [player.position.x, player.position.y], player.status)


func _tell(what: String, ...more: Array) -> void:
	print(JSON.stringify({"happened": what, "with": more}))


## Reading blocks, so it has a thread of its own. The end of the input, or an empty line, ends it.
func _read() -> void:
	while true:
		var line := OS.read_string_from_stdin(65_536).strip_edges()
		if line.is_empty():
			return
		_mutex.lock()
		_lines.append(line)
		_mutex.unlock()
