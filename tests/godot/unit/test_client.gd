extends Node

const FakeSocket := preload("../fake_socket.gd")
const WELCOME := '{"type":"welcome","your_id":"ann","lobby_players":[%s],"v":2,"n":1,"t":5,"x":0,"y":0,"seq":40}'
const BEA := '{"id":"bea","x":1,"y":2,"n":2,"name":"Bea","status":""}'

var _client: LobbyClient
var _sockets: Array[FakeSocket] = []
var _told: Array = []


func _init() -> void:
	_client = LobbyClient.new(LobbyConnection.new(_new_socket, func() -> float: return 0.0))
	_client.connected.connect(func() -> void: _told.append("connected"))
	_client.player_joined.connect(func(player: LobbyPlayer) -> void: _told.append(["joined", player.id]))
	_client.player_left.connect(func(player: LobbyPlayer) -> void: _told.append(["left", player.id]))
	_client.settings.player = "ann"
	add_child(_client)


func test_a_node_of_a_3d_game_is_told_by_x_and_z_with_velocity_and_heading() -> void:
	var ship := Node3D.new()
	add_child(ship)
	ship.position = Vector3(3.0, 99.0, 0.0)
	_join()
	_client.track(ship)
	ship.rotation.y = PI
	var said: Array[Dictionary] = []
	while said.size() < 3:
		ship.global_position += Vector3(0.0, 0.0, 0.1)
		await get_tree().physics_frame
		said = _positions()
	assert(said[-1].x == 3.0 and said[-1].y > 0.0 and said[-1].t > 0.0)
	assert(said[-1].vy > 5.9 and said[-1].vy < 6.1 and not said[-1].has("vx"), str(said[-1]))
	assert(said[-1].h == 1.57)  # it looks along +Z
	assert(said[0].seq == 41.0)


func test_a_node_of_a_2d_game_is_told_by_x_and_y() -> void:
	var ship := Node2D.new()
	add_child(ship)
	ship.position = Vector2(30.0, -40.0)
	ship.rotation = 0.5
	_join()
	_client.track(ship)
	await _frames(20)
	assert(_positions().size() == 1)
	assert([_positions()[0].x, _positions()[0].y, _positions()[0].h] == [30.0, -40.0, 0.5])


func test_a_node_that_is_gone_is_forgotten() -> void:
	var ship := Node2D.new()
	add_child(ship)
	_join()
	_client.track(ship)
	await _frames(3)
	ship.free()
	await _frames(3)
	assert(_client._tracked == null)


func test_what_is_no_place_is_not_sent() -> void:
	_join()
	_client.send_position(NAN, 1.0)
	_client.send_position(INF, 1.0)
	_client.send_state(Vector2.ZERO, Vector2(NAN, 0.0))
	await _frames(3)
	assert(_positions().is_empty())


func test_what_was_said_before_there_was_a_lobby_is_said_then() -> void:
	_client.send_position(1.0, 2.0)
	_client.set_status("away")
	_join()
	await _frames(3)
	assert(_positions().size() == 1 and "status" in _sockets[-1].actions())


func test_positions_count_on_from_where_the_lobby_has_counted() -> void:
	_join()
	_client.send_position(1.0, 2.0)
	await _frames(2)
	assert(_positions()[0].seq == 41.0)
	_sockets[-1].end()
	await _frames(3)
	_welcome()
	await _frames(2)
	# The lobby knows this player at 0, 0: it is told again.
	assert(_positions()[0].x == 1.0 and _positions()[0].seq == 42.0)


func test_a_repeated_welcome_is_answered_with_nothing() -> void:
	_join()
	_client.send_position(0.0, 0.0)
	await _frames(2)
	_sockets[-1].said.clear()
	_sockets[-1].hear(WELCOME % BEA)
	await _frames(3)
	assert(_positions().is_empty() and _told == ["connected", ["joined", "bea"]])


func test_players_stay_through_a_blip_and_are_gone_when_it_lasts() -> void:
	_join()
	var bea := _client.players["bea"]
	_sockets[-1].end()
	await _frames(3)
	_welcome()
	await _frames(2)
	assert(_told == ["connected", ["joined", "bea"], "connected"])
	assert(_client.players["bea"] == bea)
	_sockets[-1].end()
	await _frames(3)
	_client._lost_ms -= 1000.0 * LobbyClient.REMEMBER_S
	await _frames(2)
	assert(_told[-1] == ["left", "bea"] and _client.players.is_empty())


func test_who_is_refused_for_good_is_among_nobody() -> void:
	_join()
	_client.failed.connect(func(code: String, _message: String) -> void: _told.append(code))
	_sockets[-1].end(4503)
	await _frames(2)
	assert(_told == ["connected", ["joined", "bea"], ["left", "bea"], "forbidden"])


func test_a_goodbye_is_no_refusal_of_a_message() -> void:
	_join()
	_client.refused.connect(func(code: String, _message: String) -> void: _told.append(code))
	_client.failed.connect(func(code: String, message: String) -> void: _told.append([code, message]))
	_sockets[-1].hear('{"type":"error","code":"taken_over","message":"somebody else","close":4500}')
	_sockets[-1].end(1000)
	await _frames(2)
	assert(_told == ["connected", ["joined", "bea"], ["left", "bea"], ["taken_over", "somebody else"]], str(_told))


func test_a_listener_may_leave_and_everybody_who_joined_has_left() -> void:
	_client.player_joined.connect(func(_player: LobbyPlayer) -> void: _client.leave())
	_client.join()
	_sockets[-1].accept()
	_sockets[-1].hear(WELCOME % (BEA + ',{"id":"cem","x":1,"y":2,"n":3}'))
	await _frames(3)
	assert(_told == ["connected", ["joined", "bea"], ["joined", "cem"], ["left", "bea"], ["left", "cem"]], str(_told))


func test_too_much_is_followed_by_silence_and_then_by_all_that_was_lost() -> void:
	_join()
	_client.send_position(1.0, 2.0)
	_client.set_status("away")
	await _frames(2)
	_sockets[-1].said.clear()
	_sockets[-1].hear('{"type":"error","code":"rate_limited","message":"slow down"}')
	await _frames(3)
	assert(_positions().is_empty())
	await get_tree().create_timer(1.2).timeout
	assert(_positions().size() == 1 and "status" in _sockets[-1].actions())


func test_who_joins_again_where_it_is_stays() -> void:
	_join()
	_client.join()
	_client.join()
	await _frames(2)
	assert(_sockets.size() == 1 and _client.is_joined() and _told == ["connected", ["joined", "bea"]])
	_sockets[-1].end()
	await _frames(2)
	_client.join()
	await _frames(2)
	assert(_sockets.size() == 2)
	_client.join("another")
	assert(_sockets.size() == 3 and _sockets[-1].url.contains("room=another"))
	assert(_told[-1] == ["left", "bea"])


func test_strangers_are_asked_about_but_not_all_the_time() -> void:
	_join()
	_sockets[-1].said.clear()
	for i in 5:
		_sockets[-1].hear('{"type":"moves","t":1,"m":[[99,1,1]]}')
		await _frames(1)
	assert(_sockets[-1].actions().count("hello") == 1)


func test_the_player_is_who_the_game_says() -> void:
	var data := Node.new()
	data.name = "LocalPlayerData"
	data.set_script(_script('extends Node\nvar player_id: String = "from_the_game"'))
	get_tree().root.add_child(data)
	_client.settings.player = ""
	_client.join()
	assert(_sockets[-1].url.contains("pid=from_the_game&"))
	data.set(&"player_id", "somebody_else_now")
	_client.join()
	assert(_sockets[-1].url.contains("pid=somebody_else_now&"))
	_client.settings.player = "as_set"
	_client.join()
	assert(_sockets[-1].url.contains("pid=as_set&"))
	data.free()


func test_without_a_game_that_says_who_the_token_says_or_an_id_is_made() -> void:
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


func test_an_exported_game_keeps_the_id_that_was_made_for_it() -> void:
	var path := "user://test_player_id"
	assert(LobbyClient._kept(path, "player_1") == "player_1")
	assert(LobbyClient._kept(path, "player_2") == "player_1")
	var file := FileAccess.open(path, FileAccess.WRITE)
	file.store_string("no id at all")
	file.close()
	assert(LobbyClient._kept(path, "player_3") == "player_3")
	DirAccess.remove_absolute(path)


func _join() -> void:
	_client.join()
	_welcome()


func _welcome() -> void:
	_sockets[-1].accept()
	_sockets[-1].hear(WELCOME % BEA)
	_client._process(0.016)


func _frames(count: int) -> void:
	for i in count:
		await get_tree().process_frame
		await get_tree().physics_frame


## The positions that were sent last.
func _positions() -> Array[Dictionary]:
	var found: Array[Dictionary] = []
	for text in _sockets[-1].said:
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
