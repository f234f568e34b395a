extends "lines.gd"


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
	_sockets[-1].end(4503)
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
	_sockets[-1].hear('{"type":"error","code":"forbidden","message":"away with you"}')
	_go(3_000.0)
	_sockets[-1].end(1006)
	_go(20.0)
	assert(_told[-1] == ["the connection broke off", 500.0])
