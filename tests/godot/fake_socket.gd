extends "res://addons/lobby_presence/internal/socket.gd"
## A socket that a test controls.

var url := ""
var sent: PackedStringArray = []
var answers_pings := true
var is_accepted := false
var is_ended := false
var code := -1
var reason := ""
var has_backlog := false

var _waiting: PackedStringArray = []
var _answered := 0


## The server accepts the connection.
func accept() -> void:
	is_accepted = true


## The server sends a text.
func receive(text: String) -> void:
	_waiting.append(text)


## The server ends the connection.
func end(with_code := -1, with_reason := "") -> void:
	is_ended = true
	code = with_code
	reason = with_reason


## The server answers all pings that it has not answered yet.
func answer_pings() -> void:
	while answers_pings and _answered < sent.size():
		var message: Dictionary = JSON.parse_string(sent[_answered])
		if message.action == "ping":
			receive('{"type":"pong","t":%d,"now":1}' % message.t)
		_answered += 1


## Returns the actions of all texts that were sent.
func actions() -> Array:
	return Array(sent).map(func(text: String) -> String: return str(JSON.parse_string(text).action))


func open(to: String) -> Error:
	url = to
	return OK


func poll() -> void:
	pass


func is_open() -> bool:
	return is_accepted and not is_ended


func is_closed() -> bool:
	return is_ended


func is_slow() -> bool:
	return has_backlog


func take(most: int) -> PackedStringArray:
	var taken := _waiting.slice(0, most)
	_waiting = _waiting.slice(most)
	return taken


func send(text: String) -> void:
	sent.append(text)


func close() -> void:
	end(1000)


func close_code() -> int:
	return code


func close_reason() -> String:
	return reason
