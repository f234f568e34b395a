extends Node
## What is drawn, without a lobby: the ships of others, the zones, the trading screen.

const Remote := preload("res://scenes/lobby/RemoteLobbyPlayer.tscn")


func test_a_player_without_a_position_is_not_shown_yet() -> void:
	var ship := _remote()
	ship.show_movement(Vector2.ZERO)
	await _frames(2)
	assert(not ship.model.visible)
	ship.player.last_position = LobbyPosition.new(Vector2(3.0, 4.0))
	ship.player.last_position.seq = 1
	ship.show_movement(Vector2.ZERO)
	await get_tree().create_timer(RemoteLobbyPlayer.FADE_S + 0.1).timeout
	assert(ship.model.visible and ship.model.presence == 1.0)


func test_name_and_status_are_shown_over_a_ship() -> void:
	var ship := _remote()
	assert((ship.get_node("Plate/Name") as Label3D).text == "Bea")
	ship.player.status = "trading"
	ship.show_player(ship.player)
	assert((ship.get_node("Plate/Status") as Label3D).text.ends_with("trading"))
	ship.player.status = ""
	ship.show_player(ship.player)
	assert((ship.get_node("Plate/Status") as Label3D).text == "")


func test_a_ship_that_departs_fades_out_and_is_freed() -> void:
	var ship := _remote()
	ship.player.last_position.seq = 1
	ship.show_movement(Vector2.ZERO)
	await get_tree().create_timer(0.2).timeout
	ship.depart()
	await _frames(2)
	assert(is_instance_valid(ship))
	await get_tree().create_timer(RemoteLobbyPlayer.FADE_S).timeout
	assert(not is_instance_valid(ship))


func test_a_ship_that_turns_right_leans_right() -> void:
	var ship := _remote()
	ship.player.last_position.seq = 1
	for i in 20:
		ship.rotation.y -= 0.03
		ship.show_movement(Vector2(10.0, 0.0))
		await _frames(1)
	assert((ship.get_node("Ship/Tilt") as Node3D).rotation.z < -0.1)


func test_a_ship_has_the_colour_in_the_data_of_its_player() -> void:
	var ship := _remote()
	assert(ship.model.tint == Livery.of("bea"))
	ship.player.data = {"color": "#ff0000"}
	ship.set_lobby_data(ship.player.data)
	assert(ship.model.tint == Color.RED)
	ship.player.data = {"color": 5}
	ship.set_lobby_data(ship.player.data)
	assert(ship.model.tint == Livery.of("bea"))


func test_a_ship_that_waves_rocks_and_shows_it() -> void:
	var ship := _remote()
	ship.player.status = "away"
	ship.wave()
	ship.wave()
	assert((ship.get_node("Plate/Status") as Label3D).text.ends_with("waves"))
	var most := 0.0
	for i in 30:
		await _frames(1)
		most = maxf(most, absf((ship.get_node("Ship/Tilt") as Node3D).rotation.z))
	assert(most > 0.1)
	await get_tree().create_timer(RemoteLobbyPlayer.WAVES_S).timeout
	assert((ship.get_node("Plate/Status") as Label3D).text.ends_with("away"))
	assert(absf((ship.get_node("Ship/Tilt") as Node3D).rotation.z) < 0.01)


func test_ships_at_one_position_are_drawn_apart() -> void:
	var others := OtherShips.new()
	others.client = LobbyClient.new()
	others.bounds = ZoneBounds.new(80.0)
	add_child(others.client)
	add_child(others)
	for i in 3:
		others.add_child(_remote())
	await get_tree().create_timer(1.0).timeout
	for a: RemoteLobbyPlayer in others.get_children():
		for b: RemoteLobbyPlayer in others.get_children():
			assert(a == b or a.model.global_position.distance_to(b.model.global_position) > 3.0)


func test_the_trading_screen_reports_once_that_it_is_closed() -> void:
	var screen: TradingScreen = preload("res://scenes/ui/TradingScreen.tscn").instantiate()
	add_child(screen)
	var closed: Array[bool] = []
	screen.open(func() -> void: closed.append(true))
	await _frames(2)
	assert(screen.visible)
	screen.close()
	screen.close()
	assert(closed.size() == 1 and not screen.visible)


func test_normals_of_meshes_point_outwards() -> void:
	var forge := MeshForge.new()
	forge.box(Vector3.ZERO, Vector3(2.0, 2.0, 2.0), Color.WHITE)
	forge.place = Transform3D(Basis.from_scale(Vector3(-1.0, 1.0, 1.0)), Vector3(0.0, 0.0, 0.0))
	forge.box(Vector3.ZERO, Vector3(1.0, 1.0, 1.0), Color.WHITE)
	for mesh: ArrayMesh in [forge.mesh()]:
		var arrays := mesh.surface_get_arrays(0)
		var vertices: PackedVector3Array = arrays[Mesh.ARRAY_VERTEX]
		var normals: PackedVector3Array = arrays[Mesh.ARRAY_NORMAL]
		for i in vertices.size():
			assert(vertices[i].dot(normals[i]) > 0.0)


func _remote() -> RemoteLobbyPlayer:
	var ship: RemoteLobbyPlayer = Remote.instantiate()
	if get_child_count() == 0 or not get_child(-1) is OtherShips:
		add_child(ship)
	var player := LobbyPlayer.new()
	player.id = "bea"
	player.name = "Bea"
	if ship.is_node_ready():
		ship.show_player(player)
	ship.player = player
	return ship


func _frames(count: int) -> void:
	for i in count:
		await get_tree().process_frame
