extends "connection_fixture.gd"

const Messages := preload("res://addons/lobby_presence/internal/messages.gd")


func test_connected_is_who_was_welcomed_not_who_merely_has_an_open_socket() -> void:
	_connection.open("ws://lobby/?pid=ann", _ms)
	assert(_connection.state == Connection.State.CONNECTING)
	_sockets[0].accept()
	_go(100.0)
	assert(_told.is_empty())
	_sockets[0].receive(WELCOME)
	_go(1_000.0)
	assert(_connection.state == Connection.State.CONNECTED and _told == ["connected"])
	assert(not "hello" in _sockets[0].actions())


func test_a_welcome_that_does_not_come_by_itself_is_asked_for_once() -> void:
	_connection.open("ws://lobby/?pid=ann", _ms)
	_go(1_000.0)
	_sockets[0].accept()
	_go(Constants.WELCOME_MS)
	assert(_sockets[0].actions().is_empty())
	_go(5_000.0)
	assert(_sockets[0].actions() == ["hello"])


func test_a_lobby_that_does_not_welcome_is_given_up_after_ten_seconds() -> void:
	_connection.open("ws://lobby/", _ms)
	_sockets[0].accept()
	_go(9_900.0)
	assert(_told.is_empty())
	_go(300.0)
	assert(_told == [["no lobby answered within ten seconds", 500.0]])
	assert(_sockets[0].is_over)


func test_time_in_which_nobody_could_look_does_not_count() -> void:
	_connection.open("ws://lobby/", _ms)
	_connection.poll(_ms)
	_ms += 30_000.0  # a level was loaded
	_connection.poll(_ms)
	assert(_told.is_empty())
	_sockets[0].accept()
	_sockets[0].receive(WELCOME)
	_go(50.0)
	assert(_told == ["connected"])


func test_a_game_of_few_frames_a_second_gives_up_as_well() -> void:
	_connection.open("ws://lobby/", _ms)
	_go(20_000.0, 125.0)
	assert(not _told.is_empty())


func test_after_an_accident_it_comes_back_by_itself_and_pauses_grow() -> void:
	_join()
	_sockets[0].end()
	_go(20.0)
	assert(_told == ["connected", ["the connection broke off", 500.0]])
	assert(_connection.state == Connection.State.WAITING)
	_go(490.0)
	assert(_sockets.size() == 2 and _sockets[1].url == _sockets[0].url)
	_sockets[1].end()
	_go(20.0)
	assert(_told[-1] == ["no lobby answers there, or it refuses the connection", 1_000.0])
	for i in 12:
		_go(35_000.0)
		_sockets[-1].end()
		_go(20.0)
	assert(_told[-1][1] == 30_000.0)
	_go(30_000.0)
	_welcome()
	_go(Constants.BACKOFF_STEADY_MS)
	_sockets[-1].end(1001)
	_go(20.0)
	assert(_told[-1] == ["the lobby is going away", 500.0])


func test_a_pulled_cable_is_noticed() -> void:
	_join()
	_go(300.0)
	_answers_pings = false
	_go(_connection.config.heartbeat_ms + Constants.PONG_MS + 100.0)
	assert(_told[-1] == ["the lobby stopped answering", 500.0])


func test_pings_keep_the_heartbeat_that_the_lobby_wishes() -> void:
	_join()
	_sockets[-1].receive('{"type":"config","send_ms":100,"window_ms":60,"far_ms":500,"heartbeat_ms":300000}')
	_go(11.0 * MINUTE_MS)
	assert(_sockets[-1].actions().count("ping") == 3)
	_sockets[-1].receive('{"type":"config","send_ms":100,"window_ms":60,"far_ms":500,"heartbeat_ms":0}')
	_sockets[-1].said.clear()
	_go(10_000.0)
	assert(_sockets[-1].actions().count("ping") in [9, 10])


func test_the_round_trip_is_measured() -> void:
	_join()
	_go(500.0)
	assert(_connection.round_trip_ms >= 0.0 and _connection.round_trip_ms < 40.0)


func test_a_lobby_that_speaks_version_1_is_not_bothered_with_pings() -> void:
	_connection.open("ws://lobby/", _ms)
	_sockets[-1].accept()
	_sockets[-1].receive('{"type":"welcome","your_id":"ann","lobby_players":[]}')
	_go(5.0 * MINUTE_MS)
	assert(_connection.version == 1 and _connection.state == Connection.State.CONNECTED)
	assert(not "ping" in _sockets[-1].actions())


func test_before_aws_cuts_it_a_new_line_takes_over_and_nobody_notices() -> void:
	_join()
	_go(109.0 * MINUTE_MS, 500.0)
	assert(_sockets.size() == 1)
	_go(0.3 * MINUTE_MS, 500.0)
	assert(_sockets.size() == 2 and not _sockets[0].is_over)
	_sockets[1].accept()
	# The lobby closes the old line before we hear that the new one is in.
	_sockets[0].receive('{"type":"error","code":"taken_over","message":"by yourself"}')
	_sockets[0].end(4500)
	_go(20.0)
	assert(_connection.state == Connection.State.CONNECTED)
	_sockets[1].receive(WELCOME)
	_go(5_000.0)
	assert(_told == ["connected"] and _connection.state == Connection.State.CONNECTED)
	assert("ping" in _sockets[1].actions())


func test_a_takeover_that_fails_leaves_the_old_line_alone_and_is_tried_again() -> void:
	_join()
	_go(109.3 * MINUTE_MS, 500.0)
	_sockets[1].end()
	_go(20.0)
	assert(_connection.state == Connection.State.CONNECTED and _sockets.size() == 2)
	_go(2.0 * MINUTE_MS, 500.0)
	assert(_sockets.size() == 3)
	_sockets[2].end(4501)
	_go(20.0)
	assert(_told == ["connected"] and _connection.state == Connection.State.CONNECTED)
	# It may have been taken in all the same: then it is no stranger who took over.
	_sockets[0].end(4500)
	_go(20.0)
	assert(_connection.state == Connection.State.WAITING)


func test_closed_by_oneself_is_closed() -> void:
	_join()
	_connection.close(_ms)
	_go(MINUTE_MS)
	assert(_told == ["connected"] and _connection.state == Connection.State.CLOSED and _sockets.size() == 1)
	assert(_sockets[0].is_over and _sockets[0].code == 1000)


func test_a_listener_may_close_in_the_middle_of_the_news() -> void:
	var heard: Array = []
	_connection.message_received.connect(
		func(message: Messages.Message, _is_busy: bool) -> void:
			heard.append(message)
			_connection.close(_ms)
	)
	_join()
	_sockets[-1].receive('{"type":"leave","id":"bea"}')
	_go(100.0)
	assert(heard.size() == 1 and _connection.state == Connection.State.CLOSED)


func test_a_wrong_address_is_refused_in_words_and_not_tried_again() -> void:
	_connection.open("", _ms)
	_go(MINUTE_MS)
	assert(_told.size() == 1 and _told[0][0] == "bad_address")
	assert(_sockets.is_empty())


func test_nobody_has_to_wait_for_the_pause_to_end() -> void:
	_join()
	_sockets[-1].end()
	_go(20.0)
	_connection.nudge(_ms)
	_go(20.0)
	assert(_sockets.size() == 2)


func test_what_can_be_said_again_later_is_not_sent_into_a_full_line() -> void:
	assert(not _connection.send("hello"))
	_join()
	_sockets[-1].is_behind = true
	assert(not _connection.send("position", true))
	assert(_connection.send("status"))


func test_nonsense_is_not_heard() -> void:
	_join()
	_connection.message_received.connect(func(_message: Messages.Message, _is_busy: bool) -> void: _told.append("heard"))
	for text: String in ["", "nonsense", "[]", '{"type":"config","send_ms":"often"}']:
		_sockets[-1].receive(text)
	_go(100.0)
	assert(_told == ["connected"] and _connection.config.send_ms == 100.0)
