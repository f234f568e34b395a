extends "res://addons/lobby_presence/internal/socket.gd"
## A socket of which a test says what happens to it.

var url := ""
var said: PackedStringArray = []
var is_opened := false
var is_over := false
var code := -1
var reason := ""
var is_behind := false

var _waiting: PackedStringArray = []
var _answered := 0


func accept() -> void:
	is_opened = true


## The server says something.
func receive(text: String) -> void:
	_waiting.append(text)


## The server ends it.
func end(with_code := -1, with_reason := "") -> void:
	is_over = true
	code = with_code
	reason = with_reason


## The server answers every ping that it was not able to answer before.
func answer_pings() -> void:
	while _answered < said.size():
		var message: Dictionary = JSON.parse_string(said[_answered])
		if message.action == "ping":
			receive('{"type":"pong","t":%d,"now":1}' % message.t)
		_answered += 1


## What was said, by action.
func actions() -> Array:
	return Array(said).map(func(text: String) -> String: return str(JSON.parse_string(text).action))


func open(to: String) -> Error:
	url = to
	return OK


func poll() -> void:
	pass


func is_open() -> bool:
	return is_opened and not is_over


func is_closed() -> bool:
	return is_over


func is_slow() -> bool:
	return is_behind


func take() -> PackedStringArray:
	var taken := _waiting
	_waiting = []
	return taken


func send(text: String) -> void:
	said.append(text)


func close() -> void:
	end(1000)


func close_code() -> int:
	return code


func close_reason() -> String:
	return reason
