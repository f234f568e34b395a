extends Node
## What the play-books do not cover: listeners that close, slow networks, and the round trip.

const Connection := preload("res://addons/lobby_presence/internal/connection.gd")
const Messages := preload("res://addons/lobby_presence/internal/messages.gd")
const FakeSocket := preload("../fake_socket.gd")
const WELCOME := '{"type":"welcome","your_id":"ann","lobby_players":[],"v":2,"n":1,"t":5,"x":0,"y":0}'

var _connection := Connection.new(_new_socket, func() -> float: return 1.0)
var _sockets: Array[FakeSocket] = []
var _ms := 0.0


func test_the_round_trip_is_measured() -> void:
	_join()
	_poll_for(500.0)
	assert(_connection.round_trip_ms >= 20.0 and _connection.round_trip_ms < 40.0)


func test_only_the_answer_to_the_newest_ping_counts_for_the_round_trip() -> void:
	_join()
	_sockets[-1].answers_pings = false
	_poll_for(500.0)
	_sockets[-1].receive('{"type":"pong","t":7,"now":1}')
	_poll_for(20.0)
	assert(is_nan(_connection.round_trip_ms))


func test_a_listener_may_close_the_connection_while_messages_arrive() -> void:
	var received: Array[Messages.Message] = []
	_connection.message_received.connect(
		func(message: Messages.Message, _is_busy: bool) -> void:
			received.append(message)
			_connection.close(_ms)
	)
	_join()
	_sockets[-1].receive('{"type":"leave","id":"bea"}')
	_poll_for(100.0)
	assert(received.size() == 1 and _connection.state == Connection.State.CLOSED)


func test_a_droppable_text_is_not_sent_while_the_network_is_slow() -> void:
	assert(not _connection.send("hello"))
	_join()
	_sockets[-1].has_backlog = true
	assert(not _connection.send("position", true))
	assert(_connection.send("status"))


func _join() -> void:
	_connection.open("ws://lobby/?pid=ann", _ms)
	_sockets[-1].accept()
	_sockets[-1].receive(WELCOME)
	_poll_for(20.0)


func _poll_for(duration_ms: float) -> void:
	var until_ms := _ms + duration_ms
	while _ms < until_ms:
		_ms += 20.0
		_connection.poll(_ms)
		for socket in _sockets:
			socket.answer_pings()


func _new_socket() -> FakeSocket:
	_sockets.append(FakeSocket.new())
	return _sockets[-1]
