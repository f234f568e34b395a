extends RefCounted

const Messages := preload("res://addons/lobby_presence/internal/messages.gd")
const Constants := preload("res://addons/lobby_presence/internal/constants.gd")
const Text := preload("res://addons/lobby_presence/internal/text.gd")


func test_every_message_of_the_server_in_the_docs_is_decoded() -> void:
	var kinds := {}
	for example in _examples("server"):
		var message := Messages.decode(example)
		assert(message != null, example)
		kinds[message.get_script()] = true
	assert(kinds.size() == 12)


func test_messages_of_the_client_are_as_in_the_docs() -> void:
	var position := LobbyPosition.new(Vector2(12.5, 8.3), Vector2(1.0, 0.0), 1.57)
	position.seq = 18
	position.t = 93125
	var docs := _examples("client").map(JSON.parse_string)
	for text: String in [
		Messages.pos(position, 1),
		Messages.hello(),
		Messages.ping(93125),
		Messages.status("trading"),
		Messages.rename("Bea"),
		Messages.change_data({"team": "red", "hat": null}),
		Messages.send("wave", {"hand": "left"}, "b", 1),
	]:
		assert(JSON.parse_string(text) in docs, text)
	var whole: Dictionary = JSON.parse_string(Messages.pos(position))
	whole["vy"] = 0.0  # is left out, as all zeros are
	assert(whole in docs)


func test_positions_are_sent_in_hundredths_and_without_zeros() -> void:
	var text := Messages.pos(LobbyPosition.new(Vector2(459.195373, -0.001), Vector2(0.004, 3.0), 0.0))
	assert(text == '{"action":"pos","vy":3.0,"x":459.2,"y":0.0}', text)


func test_a_height_is_sent_and_received_and_no_height_costs_nothing() -> void:
	var position := LobbyPosition.new(Vector2.ZERO, Vector2.ZERO, 0.0, 8.0, -1.5)
	assert(Messages.pos(position) == '{"action":"pos","vz":-1.5,"x":0.0,"y":0.0,"z":8.0}')
	assert(Messages.pos(position, 1) == '{"action":"pos","x":0.0,"y":0.0}')
	var moves: Messages.Moves = Messages.decode('{"type":"moves","t":7,"m":[[4,1,2,3,4,5,6,7,-800,150,9]]}')
	assert(is_equal_approx(moves.positions[0].z, -8.0) and is_equal_approx(moves.positions[0].vz, 1.5))
	var join: Messages.Join = Messages.decode('{"type":"join","id":"b","x":0,"y":0,"z":8.5,"vz":1}')
	assert(join.player.last_position.z == 8.5 and join.player.last_position.vz == 1.0)
	var error: Messages.ErrorMessage = Messages.decode('{"type":"error","code":"too_fast","x":1,"y":2,"z":3}')
	assert(error.has_position and error.position.place() == Vector3(1.0, 2.0, 3.0))
	for text: String in ['"z":"8"', '"z":1e300', '"vz":[]', '"z":null']:
		assert(Messages.decode('{"type":"join","id":"b","x":0,"y":0,%s}' % text) == null, text)


func test_missing_values_are_zeros_and_unknown_values_are_ignored() -> void:
	var message: Messages.Moves = Messages.decode('{"type":"moves","t":7,"m":[[4],[5,-1250,830,1,2,3,4,5,6,7]],"new":1}')
	assert(message.numbers == PackedInt64Array([4, 5]))
	assert(message.positions[0].position == Vector2.ZERO and message.positions[0].seq == 0)
	assert(message.positions[1].position.is_equal_approx(Vector2(-12.5, 8.3)))
	assert(message.positions[1].seq == 4 and message.positions[1].t == 5)


func test_an_invalid_message_is_null() -> void:
	for text: String in [
		"",
		"nonsense",
		"[1]",
		"null",
		"{}",
		'{"type":5}',
		'{"type":"unknown"}',
		'{"type":"welcome"}',
		'{"type":"welcome","your_id":5,"lobby_players":[]}',
		'{"type":"welcome","your_id":"a","lobby_players":[5]}',
		'{"type":"welcome","your_id":"a","lobby_players":[{"id":"b","x":"far"}]}',
		'{"type":"welcome","your_id":"a","lobby_players":{}}',
		'{"type":"join"}',
		'{"type":"join","id":null}',
		'{"type":"join","id":"b","n":"2"}',
		'{"type":"leave","id":["b"]}',
		'{"type":"pos","id":"b","x":1e300,"y":0}',
		'{"type":"moves","m":[]}',
		'{"type":"moves","t":1,"m":[[]]}',
		'{"type":"moves","t":1,"m":[[1,"2"]]}',
		'{"type":"moves","t":1,"m":[[1,null]]}',
		'{"type":"moves","t":1,"m":"m"}',
		'{"type":"status","id":"b"}',
		'{"type":"data","id":"b","data":"red"}',
		'{"type":"data","id":"b","data":["red"]}',
		'{"type":"data","id":"b","data":null}',
		'{"type":"data","data":{}}',
		'{"type":"join","id":"b","data":5}',
		'{"type":"event","id":"b","data":{}}',
		'{"type":"event","event":"wave"}',
		'{"type":"event","id":"b","event":5}',
		'{"type":"event","id":"b","event":"wave","data":[]}',
		'{"type":"welcome","your_id":"a","lobby_players":[],"data":"red"}',
		'{"type":"config","send_ms":100,"window_ms":60,"far_ms":500}',
		'{"type":"config","send_ms":-1,"window_ms":60,"far_ms":500,"heartbeat_ms":20000}',
		'{"type":"config","send_ms":1e12,"window_ms":60,"far_ms":500,"heartbeat_ms":20000}',
		'{"type":"pong","t":"now"}',
		'{"type":"error","code":4}',
	]:
		assert(Messages.decode(text) == null, text)


func test_data_that_is_too_large_or_too_deep_is_left_out_and_the_message_counts() -> void:
	var large := JSON.stringify({"a": "x".repeat(100_000)})
	var deep := '{"a":'.repeat(200) + "{}" + "}".repeat(200)
	for data: String in [large, deep]:
		var join: Messages.Join = Messages.decode('{"type":"join","id":"b","x":1,"y":2,"data":%s}' % data)
		assert(join.player.id == "b" and join.player.data == {})
		var event: Messages.EventMessage = Messages.decode('{"type":"event","id":"b","event":"wave","data":%s}' % data)
		assert(event.event == "wave" and event.data == {})
	var named: Messages.EventMessage = Messages.decode(JSON.stringify({"type": "event", "id": "", "event": "e\n".repeat(500)}))
	assert(named.event.length() <= Constants.TEXT_CHARACTERS and not named.event.contains("\n"))


func test_one_line_removes_unsafe_characters_and_limits_the_length() -> void:
	assert(Text.one_line("  two\nlines\t\u202eno\u0007 ") == "two lines  no")
	assert(Text.one_line("x".repeat(5_000)).length() == Constants.TEXT_CHARACTERS)
	assert(Text.one_line("Zoë 🚀 李") == "Zoë 🚀 李")


func test_the_address_carries_the_player() -> void:
	var at := Messages.address
	assert(at.call("ws://127.0.0.1:8765/", "ann") == "ws://127.0.0.1:8765/?pid=ann&v=3")
	assert(at.call("ws://127.0.0.1:8765", "ann") == "ws://127.0.0.1:8765/?pid=ann&v=3")
	assert(at.call("lobby.example", "ann") == "ws://lobby.example/?pid=ann&v=3")
	assert(at.call("https://lobby.example/prod?a=b", "ann") == "wss://lobby.example/prod?a=b&pid=ann&v=3")
	assert(at.call("wss://[::1]:9/", "") == "wss://[::1]:9/?v=3")
	var all: String = at.call("ws://h/", "a:b", "hub", "Ann & Bea", "a.b.c")
	assert(all == "ws://h/?pid=a%3Ab&room=hub&name=Ann%20%26%20Bea&v=3&token=a.b.c")
	assert(Messages.address("ws://h/", "a", "", "", "", true) == "ws://h/?pid=a&v=3&watch=1")


func test_the_list_of_rooms_is_beside_the_address_of_the_lobby() -> void:
	var script: Script = get_script()
	var here := script.resource_path.get_base_dir()
	var table: Dictionary = JSON.parse_string(FileAccess.get_file_as_string(here.path_join("../../rooms_addresses.json")))
	var cases: Array = table["cases"]
	assert(cases.size() >= 10)
	for case: Dictionary in cases:
		var lobby: String = case["lobby"]
		var token: String = case["token"]
		var after: String = case["after"]
		assert(Messages.rooms_address(lobby, token, 1_000, after) == case["rooms"], "%s" % lobby)
	assert(Messages.rooms_address("ftp://h/", "", 5, "") == "")


func test_a_list_of_rooms_is_read_and_other_answers_are_empty() -> void:
	var list := Messages.room_list('{"rooms":[{"name":"hub","players":3,"size":50}],"next":null}')
	assert(list == {"rooms": [{"name": "hub", "players": 3, "size": 50}], "next": ""}, str(list))
	for text: String in ["", "[]", "{}", '{"rooms":3}', '{"rooms":[3]}', '{"rooms":[{"name":3,"players":3,"size":5}]}']:
		assert(Messages.room_list(text) == {}, text)


func test_an_invalid_address_is_empty() -> void:
	for url: String in [
		"", "ftp://lobby.example/", "ws://", "ws:///path", "ws://a b/", "ws://h:99999/", "ws://h:port/", "ws://[::1/", "?a=b"
	]:
		assert(Messages.address(url, "ann") == "", url)


func test_ids_have_few_kinds_of_characters() -> void:
	assert(Text.is_id("player_1.a:b-c"))
	for id: String in ["", "a b", "ä", "x".repeat(65), "a\n"]:
		assert(not Text.is_id(id), id)


func _examples(direction: String) -> Array[String]:
	var script: GDScript = get_script()
	var here := script.resource_path.get_base_dir()
	var docs := FileAccess.get_file_as_string(here.path_join("../../../docs/protocol.md"))
	var found: Array[String] = []
	for row in RegEx.create_from_string("(?m)^\\| %s \\| `(.*?)` \\|" % direction).search_all(docs):
		found.append(row.get_string(1))
	assert(not found.is_empty())
	return found


func test_ids_and_lists_that_are_longer_than_any_lobby_has_make_a_message_invalid() -> void:
	var id := "x".repeat(Constants.ID_CHARACTERS + 1)
	var too_many: Array = []
	too_many.resize(Constants.ROSTER_MOST + 1)
	too_many.fill([1, 2, 3])
	for body: Dictionary in [
		{"type": "join", "id": id, "x": 0, "y": 0},
		{"type": "leave", "id": id},
		{"type": "pos", "id": id, "x": 0, "y": 0},
		{"type": "status", "id": id, "status": ""},
		{"type": "data", "id": id, "data": {}},
		{"type": "event", "id": id, "event": "wave"},
		{"type": "welcome", "your_id": id, "lobby_players": []},
		{"type": "moves", "t": 1, "m": too_many},
	]:
		assert(Messages.decode(JSON.stringify(body)) == null, str(body.type))
