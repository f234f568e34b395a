extends RefCounted

const Messages := preload("res://addons/lobby_presence/internal/messages.gd")
const Roster := preload("res://addons/lobby_presence/internal/roster.gd")
const JOINED := Roster.Kind.JOINED
const LEFT := Roster.Kind.LEFT
const MOVED := Roster.Kind.MOVED
const STATUS := Roster.Kind.STATUS
const DATA := Roster.Kind.DATA
const BEA := '{"id":"bea","x":1,"y":2,"n":2,"name":"Bea","status":""}'
const CEM := '{"id":"cem","x":3,"y":4,"n":3,"name":"Cem","status":""}'

var _roster := Roster.new()


func test_with_the_first_welcome_all_players_join() -> void:
	assert(_apply(_welcome(BEA, CEM)) == [[JOINED, "bea"], [JOINED, "cem"]])
	assert(_roster.you.id == "ann")
	assert(_roster.players.keys() == ["bea", "cem"])
	assert(_roster.players["bea"].name == "Bea")
	assert(_roster.players["bea"].position == Vector2(1, 2))


func test_a_new_welcome_gives_differences_only() -> void:
	_apply(_welcome(BEA, CEM))
	var before := _roster.players["bea"]
	assert(_apply(_welcome(BEA, CEM)) == [])
	var moved := '{"id":"bea","x":9,"y":9,"n":2,"name":"Bea","status":"away"}'
	var dee := '{"id":"dee","x":0,"y":0,"n":4}'
	assert(_apply(_welcome(moved, dee)) == [[LEFT, "cem"], [MOVED, "bea"], [STATUS, "bea"], [JOINED, "dee"]])
	assert(_roster.players["bea"] == before)


func test_after_a_lost_connection_a_missing_player_has_time_to_reconnect() -> void:
	_apply(_welcome(BEA, CEM))
	_apply('{"type":"moves","t":1,"m":[[2,900,900,0,0,0,500]]}')
	var before := _roster.players["bea"]
	_roster.was_cut = true
	assert(_apply(_welcome()) == [] and _roster.players.size() == 2)
	assert(_roster.expire(Roster.GRACE_MS - 1.0).is_empty())
	# The lobby has restarted: it has no position of Bea yet, and position numbers start again.
	assert(_apply(_join('{"id":"bea","x":0,"y":0,"n":2,"name":"Bea"}')) == [])
	assert(_roster.players["bea"] == before and before.position == Vector2(9, 9))
	assert(_apply('{"type":"moves","t":1,"m":[[2,1000,900,0,0,0,1]]}') == [[MOVED, "bea"]])
	assert(_pairs(_roster.expire(Roster.GRACE_MS)) == [[LEFT, "cem"]])
	assert(_roster.expire(1e9).is_empty() and _roster.players.keys() == ["bea"])


func test_another_welcome_does_not_extend_the_time_of_a_missing_player_and_a_leave_ends_it() -> void:
	_apply(_welcome(BEA, CEM))
	_roster.was_cut = true
	_apply(_welcome())
	assert(_apply(_welcome()) == [] and _apply('{"type":"leave","id":"cem"}') == [[LEFT, "cem"]])
	assert(_pairs(_roster.expire(Roster.GRACE_MS)) == [[LEFT, "bea"]])
	_apply(_welcome(BEA))
	assert(_apply(_welcome()) == [[LEFT, "bea"]])


func test_changes_are_applied_in_order_leaves_first_and_without_the_own_player() -> void:
	_apply(_welcome(BEA, CEM))
	var again := '{"id":"bea","x":5,"y":5,"n":9,"name":"Bea","status":""}'
	var own := '{"id":"ann","x":5,"y":5,"n":1,"name":"Ann","status":""}'
	var dee := '{"id":"dee","x":0,"y":0,"n":4}'
	var changes := '{"type":"changes","leave":["bea","nobody"],"join":[%s,%s,%s,%s]}' % [again, own, dee, dee]
	assert(_apply(changes) == [[LEFT, "bea"], [JOINED, "bea"], [JOINED, "dee"]])
	assert(_apply('{"type":"moves","t":1,"m":[[9,700,0]]}') == [[MOVED, "bea"]])
	assert(_apply('{"type":"changes","leave":["cem"]}') == [[LEFT, "cem"]])
	assert(_apply('{"type":"changes"}') == [])


func test_a_repeated_join_does_not_move_a_player_back() -> void:
	_apply(_welcome(BEA))
	_apply('{"type":"moves","t":1,"m":[[2,900,900,0,0,0,5]]}')
	assert(_apply(_join(BEA)) == [])
	assert(_roster.players["bea"].position == Vector2(9, 9))
	assert(_apply(_join('{"id":"bea","x":7,"y":7,"n":2,"name":"Bea","seq":6}')) == [[MOVED, "bea"]])


func test_a_join_with_another_number_is_a_player_that_left_and_joined_again() -> void:
	_apply(_welcome(BEA))
	_apply('{"type":"moves","t":1,"m":[[2,900,900,0,0,0,500]]}')
	assert(_apply(_join('{"id":"bea","x":0,"y":0,"n":8,"name":"Bea"}')) == [])
	assert(_apply('{"type":"moves","t":1,"m":[[2,700,700]]}') == [])
	assert(_apply('{"type":"moves","t":1,"m":[[8,500,500,0,0,0,1]]}') == [[MOVED, "bea"]])
	assert(_roster.players["bea"].position == Vector2(5, 5))


func test_a_player_that_rose_while_the_connection_was_lost_has_moved() -> void:
	_apply(_welcome(BEA))
	assert(_apply(_welcome('{"id":"bea","x":1,"y":2,"z":5,"n":2,"name":"Bea"}')) == [[MOVED, "bea"]])
	assert(_roster.players["bea"].last_position.z == 5.0 and _roster.players["bea"].has_height)
	_roster.was_cut = true
	_apply(_welcome())
	# The lobby has restarted: it has no position of Bea yet.
	assert(_apply(_join('{"id":"bea","x":0,"y":0,"n":2,"name":"Bea"}')) == [])
	assert(_roster.players["bea"].last_position.place() == Vector3(1.0, 2.0, 5.0))


func test_players_of_version_1_join_move_and_leave() -> void:
	_apply('{"type":"welcome","your_id":"ann","lobby_players":[]}')
	assert(_apply('{"type":"join","id":"bea","x":1,"y":2}') == [[JOINED, "bea"]])
	assert(_apply('{"type":"pos","id":"bea","x":5,"y":6}') == [[MOVED, "bea"]])
	assert(_roster.players["bea"].position == Vector2(5, 6))
	assert(_apply('{"type":"leave","id":"bea"}') == [[LEFT, "bea"]])
	assert(_roster.players.is_empty())


func test_repeated_messages_give_no_event() -> void:
	_apply(_welcome(BEA))
	assert(_apply(_join(BEA)) == [])
	_apply('{"type":"leave","id":"bea"}')
	assert(_apply('{"type":"leave","id":"bea"}') == [])


func test_moves_of_the_own_player_are_ignored_and_unknown_players_are_noticed() -> void:
	_apply(_welcome(BEA))
	assert(_apply('{"type":"moves","t":1,"m":[[1,700,700],[2,500,600]]}') == [[MOVED, "bea"]])
	assert(not _roster.has_unknown)
	assert(_apply('{"type":"moves","t":1,"m":[[99,800,800]]}') == [])
	assert(_roster.has_unknown)
	_apply(_welcome(BEA))
	assert(not _roster.has_unknown)


func test_the_own_player_is_never_among_the_others() -> void:
	assert(_apply(_welcome(BEA, '{"id":"ann","x":0,"y":0,"n":1}')) == [[JOINED, "bea"]])
	assert(_apply(_join('{"id":"ann","x":0,"y":0,"n":9}')) == [])
	assert(_apply('{"type":"pos","id":"ann","x":5,"y":6}') == [])
	assert(not _roster.has_unknown)


func test_an_older_position_is_ignored_and_one_without_a_number_is_not() -> void:
	_apply(_welcome(BEA))
	_apply('{"type":"moves","t":1,"m":[[2,500,500,0,0,0,9]]}')
	assert(_apply('{"type":"moves","t":2,"m":[[2,400,400,0,0,0,8]]}') == [])
	assert(_apply('{"type":"moves","t":2,"m":[[2,400,400,0,0,0,9]]}') == [])
	assert(_apply('{"type":"moves","t":3,"m":[[2,600,600]]}') == [[MOVED, "bea"]])


func test_a_status_is_applied_to_the_own_player_too() -> void:
	_apply(_welcome(BEA))
	assert(_apply('{"type":"status","id":"bea","status":"away"}') == [[STATUS, "bea"]])
	assert(_apply('{"type":"status","id":"ann","status":"away"}') == [[STATUS, "ann"]])
	assert(_roster.you.status == "away")
	assert(_apply('{"type":"status","id":"unknown","status":"away"}') == [])


func test_data_comes_with_a_player_and_changes_as_a_whole() -> void:
	_apply(_welcome(BEA.replace("}", ',"data":{"team":"red"}}')))
	assert(_roster.players["bea"].data == {"team": "red"})
	assert(_apply('{"type":"data","id":"bea","data":{"hat":1}}') == [[DATA, "bea"]])
	assert(_roster.players["bea"].data == {"hat": 1.0})
	assert(_apply('{"type":"data","id":"unknown","data":{}}') == [])
	assert(_apply(_welcome(BEA)) == [[DATA, "bea"]] and _roster.players["bea"].data == {})
	assert(_apply(_join(CEM.replace("}", ',"data":{"team":"blue"}}'))) == [[JOINED, "cem"]])
	assert(_apply(_join(CEM.replace("}", ',"data":{"team":"red"}}'))) == [[DATA, "cem"]])


func test_the_own_data_is_what_the_lobby_has() -> void:
	assert(_apply(_welcome().replace("}", ',"data":{"team":"red"}}')) == [[DATA, "ann"]])
	assert(_apply(_welcome().replace("}", ',"data":{"team":"red"}}')) == [])
	assert(_apply('{"type":"data","id":"ann","data":{"team":"blue"}}') == [[DATA, "ann"]])
	assert(_roster.you.data == {"team": "blue"})
	assert(_apply(_welcome()) == [[DATA, "ann"]] and _roster.you.data == {})


func test_clear_removes_all_players() -> void:
	_apply(_welcome(BEA, CEM))
	assert(_pairs(_roster.clear()) == [[LEFT, "bea"], [LEFT, "cem"]])
	assert(_apply('{"type":"moves","t":1,"m":[[2,500,500]]}') == [])


func test_two_players_with_one_number_do_not_mix() -> void:
	_apply(_welcome(BEA))
	_apply(_join('{"id":"dee","x":0,"y":0,"n":2}'))
	_apply('{"type":"leave","id":"bea"}')
	assert(_apply('{"type":"moves","t":1,"m":[[2,500,500]]}') == [[MOVED, "dee"]])


func _welcome(first := "", second := "") -> String:
	var players := first if second.is_empty() else first + "," + second
	return '{"type":"welcome","your_id":"ann","lobby_players":[%s],"v":2,"n":1,"t":5,"x":0,"y":0}' % players


func _join(player: String) -> String:
	return '{"type":"join",' + player.trim_prefix("{")


func _apply(text: String) -> Array:
	var message := Messages.decode(text)
	assert(message != null, text)
	return _pairs(_roster.apply(message, 0.0))


func _pairs(events: Array[Roster.Event]) -> Array:
	return events.map(func(event: Roster.Event) -> Array: return [event.kind, event.player.id])


func test_a_roster_keeps_no_more_players_than_a_room_can_have() -> void:
	_apply(_welcome())
	for i in Roster.ROSTER_MOST:
		_apply(_join('{"id":"p%d","x":0,"y":0,"n":%d}' % [i, i + 10]))
	assert(_apply(_join(BEA)) == [])
	assert(_roster.players.size() == Roster.ROSTER_MOST)
	_roster.was_cut = true
	_apply(_welcome(BEA))
	assert(_roster.players.has("bea") and _roster.players.size() == Roster.ROSTER_MOST)
