extends Node

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


func test_a_node_of_a_3d_game_is_sent_as_x_and_z_with_height_velocity_and_heading() -> void:
	var ship := Node3D.new()
	add_child(ship)
	ship.position = Vector3(3.0, 99.0, 0.0)
	_join()
	_client.track(ship)
	ship.rotation.y = PI
	var sent: Array[Dictionary] = []
	while sent.size() < 3:
		ship.global_position += Vector3(0.0, 0.0, 0.1)
		await get_tree().physics_frame
		sent = _positions()
	assert(sent[-1].x == 3.0 and sent[-1].y > 0.0 and sent[-1].z == 99.0 and sent[-1].t > 0.0)
	assert(sent[-1].vy > 5.9 and sent[-1].vy < 6.1 and not sent[-1].has("vx"), str(sent[-1]))
	assert(sent[-1].h == 1.57)  # it looks along +Z
	assert(sent[0].seq == 41.0)


func test_a_node_of_a_2d_game_is_sent_as_x_and_y() -> void:
	var ship := Node2D.new()
	add_child(ship)
	ship.position = Vector2(30.0, -40.0)
	ship.rotation = 0.5
	_join()
	_client.track(ship)
	await _frames(20)
	assert(_positions().size() == 1)
	assert([_positions()[0].x, _positions()[0].y, _positions()[0].h] == [30.0, -40.0, 0.5])
	assert(not _positions()[0].has("z"))


func test_a_height_of_zero_is_sent_as_a_hundredth_and_no_height_is_not_sent() -> void:
	_join()
	_client.send_state(Vector2(1.0, 2.0), Vector2.ZERO, 0.0, 0.0)
	await _frames(2)
	assert(_positions()[0].z == LobbyClient.LEAST_HEIGHT)
	_client.send_position(9.0, 2.0, 4.5)
	await get_tree().create_timer(0.3).timeout
	assert(_positions()[-1].x == 9.0 and _positions()[-1].z == 4.5)
	_client.send_state(Vector2(20.0, 2.0), Vector2.ZERO, 0.0, INF)
	_client.send_state(Vector2(20.0, 2.0), Vector2.ZERO, 0.0, 1.0, NAN)
	_client.send_state(Vector2(30.0, 2.0))
	await get_tree().create_timer(0.3).timeout
	assert(_positions()[-1].x == 30.0 and not _positions()[-1].has("z") and not _positions()[-1].has("vz"))


func test_the_axes_of_a_3d_game_can_be_set() -> void:
	var ship := Node3D.new()
	add_child(ship)
	ship.position = Vector3(3.0, 4.0, 5.0)
	ship.look_at(Vector3(3.0, 104.0, 5.0), Vector3.RIGHT)  # along +Y
	_client.settings.axes = "xyz"
	_join()
	_client.track(ship)
	await _frames(3)
	assert([_positions()[-1].x, _positions()[-1].y, _positions()[-1].z, _positions()[-1].h] == [3.0, 4.0, 5.0, 1.57])
	_client.settings.axes = "xz"
	_client.track(ship)
	await get_tree().create_timer(0.3).timeout
	assert([_positions()[-1].x, _positions()[-1].y, _positions()[-1].get("z")] == [3.0, 5.0, null])


func test_a_corrected_position_has_a_height() -> void:
	_join()
	var corrected: Array[Vector3] = []
	_client.corrected.connect(func(at: Vector2) -> void: corrected.append(Vector3(at.x, at.y, _client.me.last_position.z)))
	_sockets[-1].receive('{"type":"error","code":"too_fast","message":"too fast","x":1,"y":2,"z":3}')
	await _frames(2)
	assert(corrected == [Vector3(1.0, 2.0, 3.0)])


func test_a_freed_node_is_not_tracked_any_more() -> void:
	var ship := Node2D.new()
	add_child(ship)
	_join()
	_client.track(ship)
	await _frames(3)
	ship.free()
	await _frames(3)
	assert(_client._tracked == null)


func test_a_position_that_is_not_finite_is_not_sent() -> void:
	_join()
	_client.send_position(NAN, 1.0)
	_client.send_position(INF, 1.0)
	_client.send_state(Vector2.ZERO, Vector2(NAN, 0.0))
	await _frames(3)
	assert(_positions().is_empty())


func test_position_and_status_set_before_joining_are_sent_after_joining() -> void:
	_client.send_position(1.0, 2.0)
	_client.set_status("away")
	_join()
	await _frames(3)
	assert(_positions().size() == 1 and "status" in _sockets[-1].actions())


func test_position_numbers_continue_from_the_welcome() -> void:
	_join()
	_client.send_position(1.0, 2.0)
	await _frames(2)
	assert(_positions()[0].seq == 41.0)
	_sockets[-1].end()
	await _frames(3)
	_welcome()
	await _frames(2)
	# The lobby has this player at 0, 0, so the position is sent again.
	assert(_positions()[0].x == 1.0 and _positions()[0].seq == 42.0)


func test_a_repeated_welcome_causes_no_message_and_no_event() -> void:
	_join()
	_client.send_position(0.0, 0.0)
	await _frames(2)
	_sockets[-1].sent.clear()
	_sockets[-1].receive(WELCOME % BEA)
	await _frames(3)
	assert(_positions().is_empty() and _events == ["connected", ["joined", "bea"]])


func test_players_stay_while_the_client_reconnects_and_leave_after_the_time_limit() -> void:
	_join()
	var bea := _client.players["bea"]
	_sockets[-1].end()
	await _frames(3)
	_welcome()
	await _frames(2)
	assert(_events == ["connected", ["joined", "bea"], "connected"])
	assert(_client.players["bea"] == bea)
	_sockets[-1].end()
	await _frames(3)
	_client._lost_ms -= 1000.0 * LobbyClient.KEEP_PLAYERS_S
	await _frames(2)
	assert(_events[-1] == ["left", "bea"] and _client.players.is_empty())


func test_all_players_leave_when_the_lobby_refuses_the_client() -> void:
	_join()
	_client.failed.connect(func(code: String, _message: String) -> void: _events.append(code))
	_sockets[-1].end(4503)
	await _frames(2)
	assert(_events == ["connected", ["joined", "bea"], ["left", "bea"], "forbidden"])


func test_a_closing_error_does_not_emit_refused() -> void:
	_join()
	_client.refused.connect(func(code: String, _message: String) -> void: _events.append(code))
	_client.failed.connect(func(code: String, message: String) -> void: _events.append([code, message]))
	_sockets[-1].receive('{"type":"error","code":"taken_over","message":"a newer connection","close":4500}')
	_sockets[-1].end(1000)
	await _frames(2)
	assert(_events == ["connected", ["joined", "bea"], ["left", "bea"], ["taken_over", "a newer connection"]], str(_events))


func test_a_listener_may_leave_and_every_player_that_joined_leaves() -> void:
	_client.player_joined.connect(func(_player: LobbyPlayer) -> void: _client.leave())
	_client.join()
	_sockets[-1].accept()
	_sockets[-1].receive(WELCOME % (BEA + ',{"id":"cem","x":1,"y":2,"n":3}'))
	await _frames(3)
	assert(_events == ["connected", ["joined", "bea"], ["joined", "cem"], ["left", "bea"], ["left", "cem"]], str(_events))


func test_after_rate_limited_the_client_waits_and_sends_position_and_status_again() -> void:
	_join()
	_client.send_position(1.0, 2.0)
	_client.set_status("away")
	await _frames(2)
	_sockets[-1].sent.clear()
	_sockets[-1].receive('{"type":"error","code":"rate_limited","message":"slow down"}')
	await _frames(3)
	assert(_positions().is_empty())
	await get_tree().create_timer(1.2).timeout
	assert(_positions().size() == 1 and "status" in _sockets[-1].actions())


func test_joining_the_same_room_again_changes_nothing() -> void:
	_join()
	_client.join()
	_client.join()
	await _frames(2)
	assert(_sockets.size() == 1 and _client.is_joined() and _events == ["connected", ["joined", "bea"]])
	_sockets[-1].end()
	await _frames(2)
	_client.join()
	await _frames(2)
	assert(_sockets.size() == 2)
	_client.join("another")
	assert(_sockets.size() == 3 and _sockets[-1].url.contains("room=another"))
	assert(_events[-1] == ["left", "bea"])


func test_hello_is_sent_about_unknown_players_but_not_repeatedly() -> void:
	_join()
	_sockets[-1].sent.clear()
	for i in 5:
		_sockets[-1].receive('{"type":"moves","t":1,"m":[[99,1,1]]}')
		await _frames(1)
	assert(_sockets[-1].actions().count("hello") == 1)


func test_the_player_id_comes_from_the_settings_or_the_autoload_of_the_game() -> void:
	var autoload := Node.new()
	autoload.name = "LocalPlayerData"
	autoload.set_script(_script('extends Node\nvar player_id: String = "from_the_game"'))
	get_tree().root.add_child(autoload)
	_client.settings.player = ""
	_client.join()
	assert(_sockets[-1].url.contains("pid=from_the_game&"))
	autoload.set(&"player_id", "another_now")
	_client.join()
	assert(_sockets[-1].url.contains("pid=another_now&"))
	_client.settings.player = "as_set"
	_client.join()
	assert(_sockets[-1].url.contains("pid=as_set&"))
	autoload.free()


func test_without_settings_the_token_names_the_player_or_an_id_is_made() -> void:
	_client.settings.player = ""
	_client.settings.token = "a.b.c"
	_join()
	assert(not _sockets[-1].url.contains("pid="))
	_client.join()
	_sockets[-1].end()
	await _frames(3)
	assert(_sockets.size() == 2 and _sockets[-1].url.contains("pid=ann&"))
	_client.settings.token = ""
	_client.join()
	assert(RegEx.create_from_string("pid=player_[0-9a-f]{8}&").search(_sockets[-1].url) != null)
	var url := _sockets[-1].url
	_client.join()
	assert(_sockets[-1].url == url)


func test_an_exported_game_stores_the_id_that_was_made() -> void:
	var path := "user://test_player_id"
	assert(LobbyClient._stored(path, "player_1") == "player_1")
	assert(LobbyClient._stored(path, "player_2") == "player_1")
	var file := FileAccess.open(path, FileAccess.WRITE)
	file.store_string("no id at all")
	file.close()
	assert(LobbyClient._stored(path, "player_3") == "player_3")
	DirAccess.remove_absolute(path)


func _join() -> void:
	_client.join()
	_welcome()


func _welcome() -> void:
	_sockets[-1].accept()
	_sockets[-1].receive(WELCOME % BEA)
	_client._process(0.016)


func _frames(count: int) -> void:
	for i in count:
		await get_tree().process_frame
		await get_tree().physics_frame


## The positions that were sent last.
func _positions() -> Array[Dictionary]:
	var found: Array[Dictionary] = []
	for text in _sockets[-1].sent:
		var message: Dictionary = JSON.parse_string(text)
		if message.action == "pos":
			found.append(message)
	return found


func _script(text: String) -> GDScript:
	var script := GDScript.new()
	script.source_code = text
	script.reload()
	return script


func _new_socket() -> FakeSocket:
	_sockets.append(FakeSocket.new())
	return _sockets[-1]
