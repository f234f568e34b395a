extends RefCounted


func test_a_later_source_replaces_values_and_empty_values_are_ignored() -> void:
	var settings := LobbySettings.new()
	settings.take({"url": "ws://project/", "room": "hub", "send_ms": 200})
	settings.take({"url": "ws://environment/", "room": "", "send_ms": ""})
	assert(settings.url == "ws://environment/" and settings.room == "hub" and settings.send_ms == 200)
	assert(settings.problems.is_empty())


func test_texts_numbers_and_floats_of_json_are_valid() -> void:
	var settings := LobbySettings.new()
	settings.take({"send_ms": "50", "verbose": "yes"})
	assert(settings.send_ms == 50 and settings.verbose)
	settings.take({"send_ms": 60.0, "verbose": false})
	assert(settings.send_ms == 60 and not settings.verbose)


func test_an_invalid_value_is_one_problem_and_the_default_stays() -> void:
	for value: Variant in ["soon", 1, 1.5, 1e9, [], true]:
		var settings := LobbySettings.new()
		settings.take({"send_ms": value})
		assert(settings.problems.size() == 1 and settings.problems[0].contains("send_ms"), str(value))
		assert(settings.send_ms == 100)


func test_a_switch_is_yes_or_no() -> void:
	var settings := LobbySettings.new()
	settings.take({"verbose": "perhaps"})
	assert(settings.problems.size() == 1 and not settings.verbose)


func test_axes_are_two_or_three_different_letters() -> void:
	for text: String in ["xzy", "zy", "yxz"]:
		var settings := LobbySettings.new()
		settings.take({"axes": text})
		assert(settings.axes == text and settings.problems.is_empty())
	for text: String in ["x", "xx", "xzx", "xyzx", "abc", "XZY", "xz\n"]:
		var settings := LobbySettings.new()
		settings.take({"axes": text})
		assert(settings.axes == "xzy" and settings.problems.size() == 1, text)


func test_a_file_is_read_and_a_broken_one_is_one_problem() -> void:
	_write('{"url": "wss://lobby.example/prod", "unknown": "value"}')
	var settings := LobbySettings.new()
	settings.take_file("user://test.json")
	assert(settings.url == "wss://lobby.example/prod" and settings.problems.is_empty())
	for text: String in ['{"url": "ws://broken', "", "[]", "\u0001", "5"]:
		_write(text)
		settings = LobbySettings.new()
		settings.take_file("user://test.json")
		assert(settings.problems.size() == 1 and settings.problems[0].contains("test.json"))
		assert(settings.url == LobbySettings.TABLE.url.default)
	settings = LobbySettings.new()
	settings.take_file("user://there_is_none.json")
	assert(settings.problems.is_empty())


func test_settings_come_from_project_environment_and_files() -> void:
	ProjectSettings.set_setting("lobby_presence/room", "project")
	ProjectSettings.set_setting("lobby_presence/name", "project")
	OS.set_environment("LOBBY_NAME", "environment")
	OS.set_environment("LOBBY_TOKEN", "environment")
	var file := FileAccess.open("user://lobby_config.json", FileAccess.WRITE)
	file.store_string('{"token": "file"}')
	file.close()
	var settings := LobbySettings.of_this_game()
	OS.set_environment("LOBBY_NAME", "")
	OS.set_environment("LOBBY_TOKEN", "")
	DirAccess.remove_absolute("user://lobby_config.json")
	for setting: String in ["room", "name"]:
		ProjectSettings.clear("lobby_presence/" + setting)
	assert([settings.room, settings.name, settings.token] == ["project", "environment", "file"])


func test_every_setting_has_a_member_and_a_meaning() -> void:
	var settings := LobbySettings.new()
	for setting in LobbySettings.TABLE:
		assert(settings.get(setting) == LobbySettings.TABLE[setting].default)
		assert(str(LobbySettings.TABLE[setting].meaning).ends_with("."))


func _write(text: String) -> void:
	var file := FileAccess.open("user://test.json", FileAccess.WRITE)
	file.store_string(text)
