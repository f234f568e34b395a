extends Node
## A server that sends thousands of random messages, some nearly valid. There must be no error, and nothing may be left over.

const Connection := preload("res://addons/lobby_presence/internal/connection.gd")
const FakeSocket := preload("../fake_socket.gd")
const WELCOME := '{"type":"welcome","your_id":"ann","lobby_players":[],"v":2,"n":1,"t":5,"x":0,"y":0}'
const MESSAGES := 6_000
const TYPES := "welcome join leave pos moves status data event config pong error other"
const FIELDS := "your_id lobby_players id x y z vx vy vz h n name status data event seq t m v now code message send_ms far_ms"

var _chance := RandomNumberGenerator.new()
var _socket := FakeSocket.new()
var _client := LobbyClient.new(Connection.new(_new_socket))
var _joined := {}
var _join_count := 0


func _init() -> void:
	_chance.seed = 7
	_client.settings.player = "ann"
	_client.player_joined.connect(_on_player_joined)
	_client.player_left.connect(_on_player_left)
	add_child(_client)


func test_random_messages_of_a_server_cause_no_error() -> void:
	var players := LobbyPlayers3D.new()
	players.client = _client
	add_child(players)
	_client.join()
	_socket.accept()
	_socket.receive(WELCOME)
	for i in MESSAGES:
		_socket.receive(_random_message())
		if i % 100 == 0:
			await get_tree().process_frame
			assert(_joined.size() == _client.players.size())
			assert(players.get_children().filter(_is_there).size() == _client.players.size())
		if i % 1_000 == 500:
			_socket.end(4_000)
			await get_tree().process_frame
			_client.retry_now()
			await get_tree().process_frame
			_socket.accept()
			_socket.receive(WELCOME)
	await get_tree().process_frame
	assert(_client.is_joined() and _join_count > 100)
	_client.leave()
	await get_tree().create_timer(LobbyAvatar3D.FADE_S + 0.3).timeout
	assert(_joined.is_empty() and players.get_child_count() == 0)


func _random_message() -> String:
	var kind := _chance.randi() % 10
	if kind == 0:
		return _text()
	if kind == 1:
		return JSON.stringify(_value(3))
	var body := {"type": _pick(TYPES)}
	for i in _chance.randi() % 9:
		body[_pick(FIELDS)] = _value(2)
	if kind > 3:  # nearly valid
		(
			body
			. merge(
				{
					"id": _id(),
					"your_id": "ann",
					"lobby_players": range(_chance.randi() % 5).map(_player),
					"x": _chance.randf() * 1e4,
					"y": _chance.randf(),
					"n": _chance.randi() % 12,
					"t": _chance.randi() % 100_000,
					"m": range(_chance.randi() % 5).map(_entry),
					"status": _text(),
					"event": _text(),
					"data": _value(3) if _chance.randi() % 9 == 0 else {_text(): _value(2)},
				},
				kind > 5
			)
		)
	var text := JSON.stringify(body)
	return text.left(_chance.randi() % text.length()) if kind == 3 else text


func _player(_number: int) -> Variant:
	if _chance.randi() % 20 == 0:
		return _value(1)
	return {"id": _id(), "x": _chance.randf() * 10.0, "y": 0.0, "n": _chance.randi() % 12, "name": _text()}


func _entry(_number: int) -> Variant:
	return range(_chance.randi() % 10).map(
		func(_i: int) -> Variant: return _value(0) if _chance.randi() % 40 == 0 else _chance.randi() % 9_999
	)


func _value(depth: int) -> Variant:
	var plain := [
		null, true, false, -1, _chance.randi() % 200, _chance.randf() * 10.0 ** (_chance.randi() % 300), _text(), _id()
	]
	var kind := _chance.randi() % (plain.size() + 2)
	if kind < plain.size() or depth == 0:
		return plain[kind % plain.size()]
	if kind == plain.size():
		return range(_chance.randi() % 4).map(func(_i: int) -> Variant: return _value(depth - 1))
	var found := {}
	for i in _chance.randi() % 4:
		found[_pick(FIELDS)] = _value(depth - 1)
	return found


func _text() -> String:
	var text := ""
	for i in _chance.randi() % 12:
		text += char(_chance.randi() % 0xD7FF + 1)
	return text


func _id() -> String:
	return "player_%d" % (_chance.randi() % 8)


func _pick(words: String) -> String:
	var all := words.split(" ")
	return all[_chance.randi() % all.size()]


func _is_there(node: Node) -> bool:
	return (
		not node.is_queued_for_deletion()
		and _joined.values().any(
			func(player: LobbyPlayer) -> bool: return (node.get_parent() as LobbyPlayers3D).node_of(player) == node
		)
	)


func _on_player_joined(player: LobbyPlayer) -> void:
	assert(not _joined.has(player.id))
	_joined[player.id] = player
	_join_count += 1


func _on_player_left(player: LobbyPlayer) -> void:
	assert(_joined.get(player.id) == player)
	_joined.erase(player.id)


func _new_socket() -> FakeSocket:
	_socket = FakeSocket.new()
	return _socket
