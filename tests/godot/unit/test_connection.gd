extends Node

const FakeSocket := preload("../fake_socket.gd")
const WELCOME := '{"type":"welcome","your_id":"ann","lobby_players":[],"v":2,"n":1,"t":5,"x":0,"y":0}'
const MINUTE_MS := 60_000.0

var _connection: LobbyConnection
var _sockets: Array[FakeSocket] = []
var _told: Array = []
var _ms := 0.0
var _answers_pings := true


func _init() -> void:
	_connection = LobbyConnection.new(_new_socket, func() -> float: return 1.0)
	_connection.connected.connect(func() -> void: _told.append("connected"))
	_connection.disconnected.connect(func(reason: String, ms: float) -> void: _told.append([reason, ms]))
	_connection.refused.connect(func(code: String, message: String) -> void: _told.append([code, message]))


func test_connected_is_who_was_welcomed_not_who_merely_has_an_open_socket() -> void:
	_connection.open("ws://lobby/?pid=ann", _ms)
	assert(_connection.state == LobbyConnection.State.CONNECTING)
	_sockets[0].accept()
	_go(100.0)
	assert(_told.is_empty())
	_sockets[0].hear(WELCOME)
	_go(1_000.0)
	assert(_connection.state == LobbyConnection.State.CONNECTED and _told == ["connected"])
	assert(not "hello" in _sockets[0].actions())


func test_a_welcome_that_does_not_come_by_itself_is_asked_for_once() -> void:
	_connection.open("ws://lobby/?pid=ann", _ms)
	_go(1_000.0)
	_sockets[0].accept()
	_go(LobbyConnection.ASK_MS)
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
	_sockets[0].hear(WELCOME)
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
	assert(_connection.state == LobbyConnection.State.WAITING)
	_go(490.0)
	assert(_sockets.size() == 2 and _sockets[1].url == _sockets[0].url)
	_sockets[1].end()
	_go(20.0)
	assert(_told[-1] == ["no lobby answers there, or it does not let you in", 1_000.0])
	for i in 12:
		_go(35_000.0)
		_sockets[-1].end()
		_go(20.0)
	assert(_told[-1][1] == 30_000.0)
	_go(30_000.0)
	_welcome()
	_go(LobbyBackoff.STEADY_MS)
	_sockets[-1].end(1001)
	_go(20.0)
	assert(_told[-1] == ["the lobby is going away", 500.0])


func test_who_is_told_not_to_come_back_does_not_and_says_why() -> void:
	for code: int in [4500, 4501, 4503, 4999]:
		_join()
		_sockets[-1].end(code, "")
		_go(MINUTE_MS)
		assert(_connection.state == LobbyConnection.State.REFUSED, str(code))
	assert(_told[1] == ["taken_over", LobbyErrors.CODES.taken_over[2]])
	assert(_told[-1] == ["", "the connection was closed with 4999"])
	assert(_sockets.size() == 4)


func test_4000_to_4499_mean_come_back() -> void:
	for code: int in [4000, 4004, 4499, 1000, 1001, 1006, 1011, 1012]:
		_join()
		_sockets[-1].end(code)
		_go(20.0)
		assert(_connection.state == LobbyConnection.State.WAITING, str(code))


func test_an_error_right_before_the_end_is_its_reason_whatever_the_close_code() -> void:
	_join()
	_sockets[-1].hear('{"type":"error","code":"taken_over","message":"somebody else"}')
	_go(500.0)
	_sockets[-1].end(1000)
	_go(20.0)
	assert(_told[-1] == ["taken_over", "somebody else"])
	_join()
	_sockets[-1].hear('{"type":"error","code":"room_full","message":"no room"}')
	_sockets[-1].end(1006)
	_go(20.0)
	assert(_told[-1] == ["no room", 500.0])


func test_a_goodbye_says_what_the_close_would_have_said_and_the_first_one_counts() -> void:
	_join()
	_sockets[-1].hear('{"type":"error","code":"taken_over","message":"somebody else","close":4500}')
	_sockets[-1].hear('{"type":"error","code":"silent","message":"nothing was heard","close":4001}')
	_go(500.0)
	assert(_told == ["connected"])
	_sockets[-1].end(1005)
	_go(20.0)
	assert(_told[-1] == ["taken_over", "somebody else"])


func test_a_goodbye_is_believed_where_its_code_is_unknown_or_says_otherwise() -> void:
	for told: Array in [["banned", 4777, true], ["sleeping", 4123, false], ["taken_over", 4001, false], ["binary", 1003, true]]:
		_join()
		_sockets[-1].hear(JSON.stringify({"type": "error", "code": told[0], "message": "so it is", "close": told[1]}))
		_sockets[-1].end(1006)
		_go(20.0)
		assert(_told[-1][0] == (told[0] if told[2] else "so it is"), str(_told))
		assert((_connection.state == LobbyConnection.State.REFUSED) == told[2])


func test_a_lobby_that_says_goodbye_and_does_not_close_is_left_after_a_second() -> void:
	_join()
	_sockets[-1].hear('{"type":"error","code":"room_full","message":"no room","close":4004}')
	_go(LobbyConnection.FAREWELL_MS)
	assert(not _sockets[-1].is_over)
	_go(60.0)
	assert(_sockets[-1].is_over and _told == ["connected", ["no room", 500.0]])


func test_the_lobbys_own_close_code_says_whether_to_come_back_whatever_was_said_before() -> void:
	_join()
	_sockets[-1].hear('{"type":"error","code":"room_full","message":"no room"}')
	_sockets[-1].end(4506)
	_go(20.0)
	assert(_connection.state == LobbyConnection.State.REFUSED)


func test_a_plain_end_without_a_word_is_no_reason_to_hurry_back() -> void:
	for i in 4:
		if i == 0:
			_join()
		else:
			_welcome()
		_go(10_000.0)
		_sockets[-1].end(1000)
		_go(20.0)
		assert(_told[-1] == ["the lobby closed the connection", 500.0 * 2.0 ** i])
		_go(500.0 * 2.0 ** i)


func test_an_error_before_any_welcome_counts_as_well() -> void:
	_connection.open("ws://lobby/", _ms)
	_sockets[0].accept()
	_sockets[0].hear('{"type":"error","code":"unauthorized","message":"a token is needed"}')
	_sockets[0].end(-1)
	_go(20.0)
	assert(_told == [["unauthorized", "a token is needed"]])


func test_an_error_that_ends_nothing_and_one_of_long_ago_are_no_reason() -> void:
	_join()
	_sockets[-1].hear('{"type":"error","code":"bad_json","message":"no JSON"}')
	_sockets[-1].end(1000)
	_go(20.0)
	assert(_connection.state == LobbyConnection.State.WAITING)
	_join()
	_sockets[-1].hear('{"type":"error","code":"removed","message":"away with you"}')
	_go(3_000.0)
	_sockets[-1].end(1006)
	_go(20.0)
	assert(_told[-1] == ["the connection broke off", 500.0])


func test_a_pulled_cable_is_noticed() -> void:
	_join()
	_go(300.0)
	_answers_pings = false
	_go(_connection.config.heartbeat_ms + LobbyConnection.PONG_MS + 100.0)
	assert(_told[-1] == ["nothing was heard of the lobby any more", 500.0])


func test_pings_keep_the_heartbeat_that_the_lobby_wishes() -> void:
	_join()
	_sockets[-1].hear('{"type":"config","send_ms":100,"window_ms":60,"far_ms":500,"heartbeat_ms":300000}')
	_go(11.0 * MINUTE_MS)
	assert(_sockets[-1].actions().count("ping") == 3)
	_sockets[-1].hear('{"type":"config","send_ms":100,"window_ms":60,"far_ms":500,"heartbeat_ms":0}')
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
	_sockets[-1].hear('{"type":"welcome","your_id":"ann","lobby_players":[]}')
	_go(5.0 * MINUTE_MS)
	assert(_connection.version == 1 and _connection.state == LobbyConnection.State.CONNECTED)
	assert(not "ping" in _sockets[-1].actions())


func test_before_aws_cuts_it_a_new_line_takes_over_and_nobody_notices() -> void:
	_join()
	_go(109.0 * MINUTE_MS, 500.0)
	assert(_sockets.size() == 1)
	_go(0.3 * MINUTE_MS, 500.0)
	assert(_sockets.size() == 2 and not _sockets[0].is_over)
	_sockets[1].accept()
	# The lobby closes the old line before we hear that the new one is in.
	_sockets[0].hear('{"type":"error","code":"taken_over","message":"by yourself"}')
	_sockets[0].end(4500)
	_go(20.0)
	assert(_connection.state == LobbyConnection.State.CONNECTED)
	_sockets[1].hear(WELCOME)
	_go(5_000.0)
	assert(_told == ["connected"] and _connection.state == LobbyConnection.State.CONNECTED)
	assert("ping" in _sockets[1].actions())


func test_a_takeover_that_fails_leaves_the_old_line_alone_and_is_tried_again() -> void:
	_join()
	_go(109.3 * MINUTE_MS, 500.0)
	_sockets[1].end()
	_go(20.0)
	assert(_connection.state == LobbyConnection.State.CONNECTED and _sockets.size() == 2)
	_go(2.0 * MINUTE_MS, 500.0)
	assert(_sockets.size() == 3)
	_sockets[2].end(4501)
	_go(20.0)
	assert(_told == ["connected"] and _connection.state == LobbyConnection.State.CONNECTED)
	# It may have been taken in all the same: then it is no stranger who took over.
	_sockets[0].end(4500)
	_go(20.0)
	assert(_connection.state == LobbyConnection.State.WAITING)


func test_closed_by_oneself_is_closed() -> void:
	_join()
	_connection.close(_ms)
	_go(MINUTE_MS)
	assert(_told == ["connected"] and _connection.state == LobbyConnection.State.CLOSED and _sockets.size() == 1)
	assert(_sockets[0].is_over and _sockets[0].code == 1000)


func test_a_listener_may_close_in_the_middle_of_the_news() -> void:
	var heard: Array = []
	_connection.heard.connect(
		func(message: LobbyMessages.Message, _is_busy: bool) -> void:
			heard.append(message)
			_connection.close(_ms)
	)
	_join()
	_sockets[-1].hear('{"type":"leave","id":"bea"}')
	_go(100.0)
	assert(heard.size() == 1 and _connection.state == LobbyConnection.State.CLOSED)


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
	_connection.heard.connect(func(_message: LobbyMessages.Message, _is_busy: bool) -> void: _told.append("heard"))
	for text: String in ["", "nonsense", "[]", '{"type":"config","send_ms":"often"}']:
		_sockets[-1].hear(text)
	_go(100.0)
	assert(_told == ["connected"] and _connection.config.send_ms == 100.0)


func _new_socket() -> FakeSocket:
	_sockets.append(FakeSocket.new())
	return _sockets[-1]


func _join() -> void:
	_connection.open("ws://lobby/?pid=ann", _ms)
	_welcome()


func _welcome() -> void:
	_sockets[-1].accept()
	_sockets[-1].hear(WELCOME)
	_go(20.0)


func _go(for_ms: float, step_ms := 20.0) -> void:
	var until_ms := _ms + for_ms
	while _ms < until_ms:
		_ms += step_ms
		_connection.poll(_ms)
		for socket in _sockets:
			if _answers_pings:
				socket.answer_pings()
