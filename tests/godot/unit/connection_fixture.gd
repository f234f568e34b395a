extends Node
## A connection, with sockets of which a test says what happens to them.

const Connection := preload("res://addons/lobby_presence/internal/connection.gd")
const Constants := preload("res://addons/lobby_presence/internal/constants.gd")
const FakeSocket := preload("../fake_socket.gd")
const WELCOME := '{"type":"welcome","your_id":"ann","lobby_players":[],"v":2,"n":1,"t":5,"x":0,"y":0}'
const MINUTE_MS := 60_000.0

var _connection: Connection
var _sockets: Array[FakeSocket] = []
var _told: Array = []
var _ms := 0.0
var _answers_pings := true


func _init() -> void:
	_connection = Connection.new(_new_socket, func() -> float: return 1.0)
	_connection.connected.connect(func() -> void: _told.append("connected"))
	_connection.disconnected.connect(func(reason: String, ms: float) -> void: _told.append([reason, ms]))
	_connection.refused.connect(func(code: String, message: String) -> void: _told.append([code, message]))


func _new_socket() -> FakeSocket:
	_sockets.append(FakeSocket.new())
	return _sockets[-1]


func _join() -> void:
	_connection.open("ws://lobby/?pid=ann", _ms)
	_welcome()


func _welcome() -> void:
	_sockets[-1].accept()
	_sockets[-1].receive(WELCOME)
	_go(20.0)


func _go(for_ms: float, step_ms := 20.0) -> void:
	var until_ms := _ms + for_ms
	while _ms < until_ms:
		_ms += step_ms
		_connection.poll(_ms)
		for socket in _sockets:
			if _answers_pings:
				socket.answer_pings()
