extends Node
## Plays the play-books in tests/playbooks against the connection. The README there describes the files. Each file is one test.

const Compact := preload("res://addons/lobby_presence/internal/compact.gd")
const Connection := preload("res://addons/lobby_presence/internal/connection.gd")
const Messages := preload("res://addons/lobby_presence/internal/messages.gd")
const FOLDER := "../../playbooks"
const TICK_MS := 20

var _types: Dictionary[GDScript, String] = {
	Messages.Welcome: "welcome",
	Messages.Join: "join",
	Messages.Leave: "leave",
	Messages.Changes: "changes",
	Messages.PlayerPos: "pos",
	Messages.Moves: "moves",
	Messages.StatusChanged: "status",
	Messages.Config: "config",
	Messages.Pong: "pong",
	Messages.ErrorMessage: "error",
}
var _now_ms := 0
var _busy_until_ms := 0
var _answers_pings := true
var _sockets: Array[StagedSocket] = []
var _log: Array = []
var _state := Connection.State.CLOSED
var _connection: Connection


## The names of all play-books; the runner calls [method play] for each.
func cases() -> PackedStringArray:
	var names: PackedStringArray = []
	for file in DirAccess.get_files_at(_folder()):
		if file.get_extension() == "json":
			names.append(file.get_basename())
	return names


func play(book_name: String) -> void:
	var book: Dictionary = JSON.parse_string(FileAccess.get_file_as_string(_folder().path_join(book_name + ".json")))
	var random: float = book.random
	_connection = Connection.new(_new_socket, func() -> float: return random)
	_connection.takeover_ms = book.get("takeover_ms", _connection.takeover_ms)
	_connection.disconnected.connect(func(reason: String, ms: float) -> void: _note("disconnected", reason, roundi(ms)))
	_connection.refused.connect(func(code: String, message: String) -> void: _note("refused", code, message))
	_connection.message_received.connect(_on_message_received)
	var steps: Array = book.steps
	var tick_ms: int = book.get("tick_ms", TICK_MS)
	var until_ms: int = book.until
	for now_ms in range(0, until_ms + 1, tick_ms):
		_now_ms = now_ms
		for socket in _sockets:
			socket.begin_tick()
		while not steps.is_empty() and steps[0].at <= now_ms:
			var step: Dictionary = steps.pop_front()
			_take(step)
			_note_state()
		if now_ms >= _busy_until_ms:
			_connection.poll(now_ms)
			_note_state()
	assert(steps.is_empty(), "%s has steps after its end" % book_name)
	var expected: Array = book.expect
	for i in maxi(expected.size(), _log.size()):
		var wanted := JSON.stringify(expected[i]) if i < expected.size() else "nothing"
		var found := JSON.stringify(_log[i]) if i < _log.size() else "nothing"
		assert(found == wanted, "%s, entry %d: %s instead of %s" % [book_name, i, found, wanted])


## Appends an entry to the log, with all numbers as JSON has them.
func _note(what: String, ...values: Array) -> void:
	_log.append(JSON.parse_string(JSON.stringify([_now_ms, what] + values)))


func _take(step: Dictionary) -> void:
	var socket: StagedSocket = _sockets[int(str(step.socket))] if step.has("socket") else null
	var does: String = step.get("does", step.get("client", ""))
	if step.has("receives"):
		for time in int(str(step.get("times", 1))):
			socket.texts.append(JSON.stringify(step.receives))
	elif step.has("receives_text"):
		var text: String = step.receives_text
		socket.texts.append(text)
	elif step.has("receives_hex"):
		var hex: String = step.receives_hex
		socket.texts.append(Compact.as_text(hex.hex_decode()))
	elif step.has("pongs"):
		_answers_pings = step.pongs
	elif step.has("busy_until"):
		_busy_until_ms = step.busy_until
	elif socket != null:
		match does:
			"open":
				socket.state = WebSocketPeer.STATE_OPEN
			"close":
				var code: int = step.code
				var reason: String = step.reason
				socket.end(code, reason)
			"hang":
				socket.hangs = true
			_:
				assert(false, "no such step: %s" % step)
	else:
		match does:
			"open":
				var url: String = step.url
				_connection.open(url, _now_ms)
			"close":
				_connection.close(_now_ms)
			"nudge":
				_connection.nudge(_now_ms)
			"send_position":
				var text: String = step.text
				if not _connection.send_position(text, int(str(step.seq)), _now_ms):
					_note("not sent")
			"send":
				var text: String = step.text
				if not _connection.send(text):
					_note("not sent")
			_:
				assert(false, "no such step: %s" % step)


func _note_of_socket(what: String, value: Variant, number: int) -> void:
	_note("socket %d %s" % [number, what], value)


func _note_state() -> void:
	if _connection.state != _state:
		_state = _connection.state
		var key: String = Connection.State.find_key(_state)
		_note("state", key.to_lower())


func _on_message_received(message: Messages.Message, is_busy: bool) -> void:
	var script: GDScript = message.get_script()
	if is_busy:
		_note("message", _types[script], "busy")
	else:
		_note("message", _types[script])


func _new_socket() -> StagedSocket:
	_sockets.append(StagedSocket.new(_note_of_socket.bind(_sockets.size()), func() -> bool: return _answers_pings))
	return _sockets[-1]


func _folder() -> String:
	var script: GDScript = get_script()
	return script.resource_path.get_base_dir().path_join(FOLDER)


## A socket that follows the play-book.
class StagedSocket:
	extends "res://addons/lobby_presence/internal/socket.gd"
	var state := WebSocketPeer.STATE_CONNECTING
	var hangs := false
	var texts: PackedStringArray = []
	var _pongs: PackedStringArray = []
	var _note: Callable
	var _answers_pings: Callable
	var _is_closing := false
	var _code := 1006
	var _reason := ""

	func _init(note: Callable, answers_pings: Callable) -> void:
		_note = note
		_answers_pings = answers_pings

	## A close of an earlier tick is answered, and pongs arrive.
	func begin_tick() -> void:
		if _is_closing and not hangs and state != WebSocketPeer.STATE_CLOSED:
			end(1000, "")
		if is_open():
			texts.append_array(_pongs)
		_pongs.clear()

	func end(code: int, reason: String) -> void:
		state = WebSocketPeer.STATE_CLOSED
		_code = code
		_reason = reason

	func open(url: String) -> Error:
		_note.call("opens", url)
		return OK

	func poll() -> void:
		pass

	func is_open() -> bool:
		return state == WebSocketPeer.STATE_OPEN

	func is_closed() -> bool:
		return state == WebSocketPeer.STATE_CLOSED

	func is_slow() -> bool:
		return false

	func take(most: int) -> PackedStringArray:
		var taken := texts.slice(0, most)
		texts = texts.slice(most)
		return taken

	func send(text: String) -> void:
		var message: Dictionary = JSON.parse_string(text)
		_note.call("sends", message)
		if message.action == "ping" and _answers_pings.call():
			_pongs.append('{"type":"pong","t":%d,"now":1}' % message.t)

	func close() -> void:
		_note.call("closes", 1000)
		state = WebSocketPeer.STATE_CLOSING
		_is_closing = true

	func close_code() -> int:
		return _code

	func close_reason() -> String:
		return _reason
