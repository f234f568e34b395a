extends Node
## Data, events, names and watchers.

const Connection := preload("res://addons/lobby_presence/internal/connection.gd")
const FakeSocket := preload("../fake_socket.gd")
const WELCOME := '{"type":"welcome","your_id":"ann","lobby_players":[%s],"v":2,"n":1,"t":5,"x":0,"y":0,"seq":40}'
const BEA := '{"id":"bea","x":1,"y":2,"n":2,"name":"Bea","status":""}'

var _client: LobbyClient
var _sockets: Array[FakeSocket] = []
var _events: Array = []


func _init() -> void:
	_client = LobbyClient.new(Connection.new(_new_socket, func() -> float: return 0.0))
	_client.connected.connect(func() -> void: _events.append("connected"))
	_client.player_joined.connect(func(player: LobbyPlayer) -> void: _events.append(["joined", player.id]))
	_client.player_left.connect(func(player: LobbyPlayer) -> void: _events.append(["left", player.id]))
	_client.settings.player = "ann"
	add_child(_client)


func test_data_set_before_joining_is_sent_after_the_welcome_and_again_where_the_lobby_does_not_have_it() -> void:
	_client.set_data({"team": "red", "ship": {"hull": 2}})
	_client.set_data({"team": null, "ship": {"fast": true}})
	_join()
	var whole := {"team": null, "ship": {"hull": 2.0, "fast": true}}
	assert(_sent("data") == [{"action": "data", "data": whole}])
	_sockets[-1].receive('{"type":"data","id":"ann","data":{"ship":{"hull":2,"fast":true}}}')
	_client.set_data({"team": "blue"})
	assert(_sent("data")[-1] == {"action": "data", "data": {"team": "blue"}})
	_sockets[-1].receive('{"type":"data","id":"ann","data":{"team":"blue","ship":{"hull":2,"fast":true}}}')
	await _frames(2)
	_sockets[-1].end()
	await _frames(3)
	_welcome("", '"data":{"team":"blue","ship":{"hull":2,"fast":true}}')
	assert(_sent("data") == [])  # it is the same lobby, which has the data
	_sockets[-1].end()
	await _frames(3)
	_welcome()
	whole["team"] = "blue"
	assert(_sent("data") == [{"action": "data", "data": whole}])


func test_data_that_the_lobby_refused_is_not_sent_again() -> void:
	_join()
	_client.set_data({"team": "red"})
	_sockets[-1].receive('{"type":"data","id":"ann","data":{"team":"red"}}')
	await _frames(2)
	for code: String in ["bad_data", "too_large"]:
		_client.set_data({"large": "x".repeat(100_000)})
		_sockets[-1].receive('{"type":"error","code":"%s","message":"too large"}' % code)
		await _frames(2)
	_sockets[-1].end()
	await _frames(3)
	_welcome()
	assert(_sent("data") == [{"action": "data", "data": {"team": "red"}}])


func test_keys_that_are_gone_are_not_remembered() -> void:
	_join()
	for i in 3:
		_client.set_data({"shot_%d" % i: true})
		_client.set_data({"shot_%d" % i: null})
	_client.set_data({"team": "red"})
	_sockets[-1].receive('{"type":"data","id":"ann","data":{"team":"red"}}')
	await _frames(2)
	_sockets[-1].end()
	await _frames(3)
	_welcome()
	assert(_sent("data") == [{"action": "data", "data": {"team": "red"}}])


func test_data_that_json_cannot_hold_is_refused_here() -> void:
	_join()
	_client.refused.connect(func(code: String, _message: String) -> void: _events.append(code))
	_client.set_data({"place": Vector2.ZERO})
	assert(not _client.send("wave", {"n": NAN}))
	assert(_events.slice(-2) == ["bad_data", "bad_event"] and _sent("data") == [] and _sent("send") == [])


func test_events_are_counted_from_one_on_each_connection() -> void:
	assert(not _client.send("lost"))
	_join()
	assert(_client.send("wave", {"hand": "left"}, "bea") and _client.send("gg"))
	assert(
		(
			_sent("send")
			== [
				{"action": "send", "event": "wave", "data": {"hand": "left"}, "to": "bea", "seq": 1.0},
				{"action": "send", "event": "gg", "seq": 2.0},
			]
		)
	)
	_sockets[-1].end()
	assert(not _client.send("lost"))
	await _frames(3)
	_welcome()
	assert(_client.send("gg") and _sent("send")[-1].seq == 1.0)
	_client._connection._takeover_at_ms = 0.0  # a takeover
	await _frames(2)
	_welcome()
	await _frames(2)
	assert(_client.send("gg") and _sent("send") == [{"action": "send", "event": "gg", "seq": 1.0}])


func test_events_and_data_of_others_are_signals_in_order() -> void:
	_client.event_received.connect(func(id: String, event: String, data: Dictionary) -> void: _events.append([id, event, data]))
	_client.player_data_changed.connect(func(player: LobbyPlayer) -> void: _events.append([player.id, player.data]))
	_join()
	_events.clear()
	_sockets[-1].receive('{"type":"event","id":"bea","event":"wave","data":{"hand":"left"}}')
	_sockets[-1].receive('{"type":"data","id":"bea","data":{"team":"red"}}')
	_sockets[-1].receive('{"type":"event","id":"","event":"restart"}')
	_sockets[-1].receive('{"type":"data","id":"ann","data":{"team":"blue"}}')
	await _frames(2)
	assert(
		_events == [["bea", "wave", {"hand": "left"}], ["bea", {"team": "red"}], ["", "restart", {}], ["ann", {"team": "blue"}]]
	)


func test_data_and_events_of_a_hostile_lobby_change_nothing_or_are_empty() -> void:
	_client.event_received.connect(func(id: String, event: String, data: Dictionary) -> void: _events.append([id, event, data]))
	_join()
	_events.clear()
	_sockets[-1].receive('{"type":"data","id":"bea","data":{"team":"red"}}')
	for data: String in ['"red"', "[1]", "null", "5"]:
		_sockets[-1].receive('{"type":"data","id":"bea","data":%s}' % data)
		_sockets[-1].receive('{"type":"event","id":"bea","event":"wave","data":%s}' % data)
	await _frames(2)
	assert(_events == [] and _client.players["bea"].data == {"team": "red"})
	_sockets[-1].receive('{"type":"data","id":"bea","data":{"a":"%s"}}' % "x".repeat(100_000))
	_sockets[-1].receive('{"type":"event","id":"bea","event":"wave","data":{"a":"%s"}}' % "x".repeat(100_000))
	await _frames(2)
	assert(_events == [["bea", "wave", {}]] and _client.players["bea"].data == {})


func test_a_new_name_is_sent_and_is_in_the_address_of_the_next_connection() -> void:
	_join()
	_client.rename("Ann\n& Co")
	assert(_sent("name") == [{"action": "name", "name": "Ann & Co"}])
	_client.join()
	await _frames(2)
	assert(_sockets.size() == 1)  # joining the same room again changes nothing
	_sockets[-1].end()
	await _frames(3)
	assert(_sockets[-1].url.contains("name=Ann%20%26%20Co"))
	_client.rename("Ann")  # while it connects
	_welcome()
	await _frames(2)
	assert(_sent("name") == [{"action": "name", "name": "Ann"}])
	_sockets[-1].end()
	await _frames(3)
	_welcome()
	await _frames(2)
	assert(_sent("name") == [] and _sockets[-1].url.contains("name=Ann&"))


func test_a_watcher_receives_players_and_sends_nothing() -> void:
	_client.watch = true
	_client.set_status("away")
	_client.set_data({"team": "red"})
	_client.send_position(1.0, 2.0)
	_join()
	_client.rename("Ann")
	assert(not _client.send("wave"))
	await _frames(3)
	assert(_sockets[-1].url.contains("&watch=1") and _client.players.has("bea"))
	assert(_sockets[-1].actions().all(func(action: String) -> bool: return action == "ping"), str(_sockets[-1].actions()))
	_client.watch = false
	_join()
	await _frames(3)
	assert(_sent("pos").size() == 1 and _sent("data").size() == 1 and not _sockets[-1].url.contains("watch"))


func _join() -> void:
	_client.join()
	_welcome()


func _welcome(players := BEA, more := "") -> void:
	_sockets[-1].accept()
	_sockets[-1].receive((WELCOME % players).replace('"v":2', '"v":2,' + more if more else '"v":2'))
	_client._process(0.016)


func _frames(count: int) -> void:
	for i in count:
		await get_tree().process_frame
		await get_tree().physics_frame


## The messages with this action that were sent on the newest connection.
func _sent(action: String) -> Array[Dictionary]:
	var found: Array[Dictionary] = []
	for text in _sockets[-1].sent:
		var message: Dictionary = JSON.parse_string(text)
		if message.action == action:
			found.append(message)
	return found


func _new_socket() -> FakeSocket:
	_sockets.append(FakeSocket.new())
	return _sockets[-1]
