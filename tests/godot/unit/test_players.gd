extends Node
## The nodes that draw the others, in 3D and 2D.

const Connection := preload("res://addons/lobby_presence/internal/connection.gd")
const FakeSocket := preload("../fake_socket.gd")
const Avatar2D := preload("res://addons/lobby_presence/lobby_avatar_2d.tscn")
const WELCOME := '{"type":"welcome","your_id":"ann","lobby_players":[%s],"v":2,"n":1,"t":5,"x":0,"y":0}'
const BEA := '{"id":"bea","x":3,"y":4,"n":2,"name":"Bea","status":"away","h":1.5}'

var _socket := FakeSocket.new()
var _client := LobbyClient.new(Connection.new(func() -> FakeSocket: return _socket))


func _ready() -> void:
	add_child(_client)
	_client.settings.player = "ann"
	_client.join()
	_socket.accept()
	_socket.receive(WELCOME % BEA)


func test_a_node_in_3d_has_position_height_of_the_floor_and_heading() -> void:
	var players := LobbyPlayers3D.new()
	players.client = _client
	players.position.y = 2.0
	add_child(players)
	await _frames(3)
	var node := players.node_of(_client.players["bea"])
	assert(node.global_position == Vector3(3.0, 2.0, 4.0))
	var forward := -node.global_basis.z
	assert(Vector2(forward.x, forward.z).is_equal_approx(Vector2.from_angle(1.5)))
	assert((node.get_node("Label") as Label3D).text == "Bea\naway")


func test_a_node_in_3d_has_the_height_that_its_player_sends() -> void:
	var players := LobbyPlayers3D.new()
	players.client = _client
	players.position.y = 2.0
	add_child(players)
	_socket.receive('{"type":"moves","t":9,"m":[[2,300,400,0,0,150,1,9,-850]]}')
	await get_tree().create_timer(0.5).timeout
	var node := players.node_of(_client.players["bea"])
	assert(node.global_position.is_equal_approx(Vector3(3.0, -8.5, 4.0)), str(node.global_position))


func test_a_game_can_draw_the_plane_of_the_lobby_upright() -> void:
	_client.settings.axes = "xyz"
	var players := LobbyPlayers3D.new()
	players.client = _client
	players.position.z = 2.0
	add_child(players)
	await _frames(3)
	var node := players.node_of(_client.players["bea"])
	assert(node.global_position.is_equal_approx(Vector3(3.0, 4.0, 2.0)), str(node.global_position))
	var forward := -node.global_basis.z
	assert(Vector2(forward.x, forward.y).is_equal_approx(Vector2.from_angle(1.5)))


func test_players_stand_on_the_height_of_the_tracked_node_and_follow_it() -> void:
	var players := LobbyPlayers3D.new()
	players.client = _client
	add_child(players)
	var me := Node3D.new()
	add_child(me)
	me.global_position.y = -8.0
	_client.track(me)
	await _frames(2)
	var node := players.node_of(_client.players["bea"])
	assert(node.global_position == Vector3(3.0, -8.0, 4.0))
	me.global_position.y = -3.0
	await _frames(2)
	assert(node.global_position.y == -3.0)
	me.free()
	await _frames(2)
	assert(node.global_position.y == 0.0)


func test_the_height_of_players_may_be_fixed() -> void:
	var players := LobbyPlayers3D.new()
	players.client = _client
	players.follows_height = false
	players.position.y = 2.0
	add_child(players)
	var me := Node3D.new()
	add_child(me)
	me.global_position.y = -8.0
	_client.track(me)
	await _frames(2)
	assert(players.node_of(_client.players["bea"]).global_position.y == 2.0)
	me.free()


func test_a_node_in_2d_has_position_and_heading_and_an_upright_name() -> void:
	var players := LobbyPlayers2D.new()
	players.client = _client
	players.position.y = 2.0
	add_child(players)
	await _frames(3)
	var node := players.node_of(_client.players["bea"])
	assert(node.global_position.is_equal_approx(Vector2(3.0, 4.0)))
	assert(is_equal_approx(node.global_rotation, 1.5))
	assert((node.get_node("Upright") as Node2D).global_rotation == 0.0)
	assert((node.get_node("Upright/Label") as Label).text == "Bea\naway")


func test_a_node_in_2d_stays_upright_if_its_game_sends_no_heading() -> void:
	var players := LobbyPlayers2D.new()
	players.client = _client
	add_child(players)
	_socket.receive('{"type":"join","id":"cem","x":0,"y":0,"n":3,"name":"Cem"}')
	for ms in range(0, 600, 100):
		_socket.receive('{"type":"moves","t":%d,"m":[[3,0,%d,0,1000,0,%d,%d]]}' % [ms, ms, ms + 1, ms + 1])
		await get_tree().create_timer(0.1).timeout
	var cem := players.node_of(_client.players["cem"])
	assert(cem.position.y > 1.0 and cem.rotation == 0.0)


func test_a_node_in_2d_does_not_turn_if_turns_is_off() -> void:
	var players := LobbyPlayers2D.new()
	players.client = _client
	players.turns = false
	add_child(players)
	await _frames(2)
	assert(players.node_of(_client.players["bea"]).rotation == 0.0)


func test_nodes_in_2d_are_in_front_of_the_scenery() -> void:
	var players := LobbyPlayers2D.new()
	assert(players.z_index == 100)
	players.figures_z_index = 5
	assert(players.z_index == 5)
	players.free()


func test_players_in_2d_are_sorted_with_a_scene_that_sorts_by_y() -> void:
	var players := LobbyPlayers2D.new()
	assert(players.y_sort_enabled)
	players.free()


func test_the_figure_in_2d_faces_the_side_to_which_its_player_moves_unless_it_turns() -> void:
	var avatar: LobbyAvatar2D = Avatar2D.instantiate()
	add_child(avatar)
	var places: Array[float] = [0.0, -10.0, -20.0, -17.0, -18.0, -10.0, 20.0]
	for i in places.size():
		avatar.position.x = places[i]
		avatar.show_movement(Vector2.ZERO)
		assert(avatar.facing == [1.0, -1.0, -1.0, -1.0, -1.0, 1.0, 1.0][i])
	avatar.rotation = 1.5
	avatar.show_movement(Vector2.ZERO)
	avatar.rotation = 0.0
	avatar.position.x = 0.0
	avatar.show_movement(Vector2.ZERO)
	assert(avatar.facing == 1.0)
	avatar.free()


func test_a_name_in_2d_has_a_dark_outline_for_a_light_sky() -> void:
	var avatar: Node = Avatar2D.instantiate()
	var label: Label = avatar.get_node("Upright/Label")
	assert(label.get_theme_constant(&"outline_size") >= 4)
	assert(label.get_theme_color(&"font_outline_color") == Color.BLACK)
	assert(label.get_theme_color(&"font_color") == Color.WHITE)
	avatar.free()


func test_nodes_appear_move_and_fade_out() -> void:
	var players := LobbyPlayers3D.new()
	players.client = _client
	add_child(players)
	await _frames(2)
	_socket.receive('{"type":"join","id":"cem","x":0,"y":0,"n":3,"name":"Cem"}')
	await _frames(2)
	assert(players.get_child_count() == 2)
	var cem := _client.players["cem"]
	for ms in range(0, 600, 100):
		_socket.receive('{"type":"moves","t":%d,"m":[[3,%d,0,1000,0,0,%d,%d]]}' % [ms, ms, ms + 1, ms + 1])
		await get_tree().create_timer(0.1).timeout
	assert(players.node_of(cem).position.x > 1.0)
	_socket.receive('{"type":"leave","id":"cem"}')
	await _frames(2)
	assert(players.get_child_count() == 2 and players.node_of(cem) == null)
	await get_tree().create_timer(LobbyAvatar3D.FADE_S + 0.2).timeout
	assert(players.get_child_count() == 1)


func test_a_changed_status_is_shown() -> void:
	var players := LobbyPlayers2D.new()
	players.client = _client
	add_child(players)
	await _frames(2)
	_socket.receive('{"type":"status","id":"bea","status":"trading"}')
	await _frames(2)
	assert((players.get_child(0).get_node("Upright/Label") as Label).text == "Bea\ntrading")


func test_any_scene_of_the_game_works_as_an_avatar() -> void:
	var plain := PackedScene.new()
	var root := Sprite2D.new()
	plain.pack(root)
	root.free()
	var players := LobbyPlayers2D.new()
	players.client = _client
	players.avatar = plain
	players.turns = false
	add_child(players)
	await _frames(2)
	assert(players.get_child(0) is Sprite2D and (players.get_child(0) as Node2D).rotation == 0.0)
	_client.leave()
	await _frames(2)
	assert(players.get_child_count() == 0)


func test_the_methods_of_an_avatar_are_called() -> void:
	var script := GDScript.new()
	script.source_code = """extends Node3D
var calls: Array = []
func show_player(player: LobbyPlayer) -> void: calls.append(player.status)
func show_movement(velocity: Vector2) -> void: calls.append(velocity)
func depart() -> void: queue_free()
"""
	script.reload()
	var root := Node3D.new()
	root.set_script(script)
	var scene := PackedScene.new()
	scene.pack(root)
	root.free()
	var players := LobbyPlayers3D.new()
	players.client = _client
	players.avatar = scene
	add_child(players)
	await _frames(1)
	var calls: Array = players.get_child(0).get(&"calls")
	assert(calls.slice(0, 2) == ["away", Vector2.ZERO])


func test_data_is_passed_to_an_avatar_at_first_and_after_each_change() -> void:
	var script := GDScript.new()
	script.source_code = """extends Node2D
var calls: Array = []
func set_lobby_data(data: Dictionary) -> void: calls.append(data)
"""
	script.reload()
	var root := Node2D.new()
	root.set_script(script)
	var scene := PackedScene.new()
	scene.pack(root)
	root.free()
	var players := LobbyPlayers2D.new()
	players.client = _client
	players.avatar = scene
	add_child(players)
	await _frames(1)
	_socket.receive('{"type":"data","id":"bea","data":{"team":"red"}}')
	_socket.receive('{"type":"data","id":"ann","data":{"team":"blue"}}')
	_socket.receive('{"type":"data","id":"bea","data":{"team":"%s"}}' % "x".repeat(100_000))
	await _frames(2)
	assert(players.get_child(0).get(&"calls") == [{}, {"team": "red"}, {}])


func test_the_default_avatars_have_the_colour_in_the_data() -> void:
	var in_3d := LobbyPlayers3D.new()
	var in_2d := LobbyPlayers2D.new()
	for players: Node in [in_3d, in_2d]:
		players.set(&"client", _client)
		add_child(players)
	await _frames(2)
	var bea := _client.players["bea"]
	var body: StandardMaterial3D = (in_3d.node_of(bea).get_node("Body") as MeshInstance3D).material_override
	for row: Array in [
		['"#ff0000"', Color.RED],
		['"#00ff00"', Color.GREEN],
		['"red"', LobbyAvatar3D.colour_of("bea")],
		['"#ff00000"', LobbyAvatar3D.colour_of("bea")],
		['"#gg0000"', LobbyAvatar3D.colour_of("bea")],
		["[1]", LobbyAvatar3D.colour_of("bea")],
		["5", LobbyAvatar3D.colour_of("bea")],
	]:
		_socket.receive('{"type":"data","id":"bea","data":{"color":%s}}' % row[0])
		_socket.receive('{"type":"status","id":"bea","status":"away"}')
		await _frames(2)
		var wanted: Color = row[1]
		assert(Color(body.albedo_color, 1.0) == wanted and in_2d.node_of(bea).self_modulate == wanted, str(row))


func test_the_game_may_free_an_avatar() -> void:
	var players := LobbyPlayers3D.new()
	players.client = _client
	add_child(players)
	await _frames(2)
	players.get_child(0).free()
	await _frames(2)
	_socket.receive('{"type":"status","id":"bea","status":"trading"}')
	_socket.receive('{"type":"leave","id":"bea"}')
	await _frames(2)


func test_each_player_has_its_own_colour() -> void:
	var ann := LobbyAvatar3D.colour_of("ann")
	assert(LobbyAvatar3D.colour_of("ann") == ann and LobbyAvatar3D.colour_of("bea") != ann)


func _frames(count: int) -> void:
	for i in count:
		await get_tree().process_frame
