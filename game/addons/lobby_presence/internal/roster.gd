extends RefCounted
## Internal: what a client knows of the players. It takes messages and returns events. Time is an argument.
##
## A new [code]welcome[/code] is compared with what was known, and only the differences become events. So a player does not
## leave and join again when this client reconnects. When the lobby restarts, the other players reconnect one after the other:
## a player that the [code]welcome[/code] does not list yet is kept for [constant GRACE_MS].

@warning_ignore_start("return_value_discarded")

## What happened to a player. JOINED: it joined, or it was there when this client joined. EVENT: it sent an event.
enum Kind { JOINED, LEFT, MOVED, STATUS, DATA, EVENT }

const _LobbyConstants := preload("constants.gd")
const _LobbyMessages := preload("messages.gd")

## After a lost connection, a player that is missing in the next [code]welcome[/code] is kept for so long, in ms.
const GRACE_MS: float = _LobbyConstants.GRACE_MS
## Further players are ignored.
const ROSTER_MOST: int = _LobbyConstants.ROSTER_MOST

## This client's own player, as the lobby knows it.
var you := LobbyPlayer.new()
## The other players, by id.
var players: Dictionary[String, LobbyPlayer] = {}
## Whether an unknown player moved. Then a [code]join[/code] was lost, and the client should ask for a new
## [code]welcome[/code].
var has_unknown := false
## Whether the connection was lost, so that players may be missing in the next [code]welcome[/code].
var was_cut := false

var _missing_until: Dictionary[String, float] = {}  # by id, in ms
var _ids: Dictionary[int, String] = {}


## Applies a message and returns what it changed. If [param is_busy], the message may have waited for the game instead of the
## network.
func apply(message: _LobbyMessages.Message, now_ms: float, is_busy := false) -> Array[Event]:
	var events: Array[Event] = []
	if message is _LobbyMessages.Welcome:
		events = _replace(message as _LobbyMessages.Welcome, now_ms, is_busy)
	elif message is _LobbyMessages.Join:
		events = _join((message as _LobbyMessages.Join).player, now_ms, is_busy)
	elif message is _LobbyMessages.Leave:
		events = _leave((message as _LobbyMessages.Leave).id)
	elif message is _LobbyMessages.Changes:
		var changes := message as _LobbyMessages.Changes
		for id in changes.left:
			events.append_array(_leave(id))
		for player in changes.joined:
			events.append_array(_join(player, now_ms, is_busy))
	elif message is _LobbyMessages.PlayerPos:
		var pos := message as _LobbyMessages.PlayerPos
		events = _move(pos.id, pos.position, 0.0, now_ms, is_busy)
	elif message is _LobbyMessages.Moves:
		var moves := message as _LobbyMessages.Moves
		for i in moves.positions.size():
			events.append_array(_move(_id_of(moves.numbers[i]), moves.positions[i], moves.t, now_ms, is_busy))
	elif message is _LobbyMessages.StatusChanged:
		events = _set_status(message as _LobbyMessages.StatusChanged)
	elif message is _LobbyMessages.DataChanged:
		var change := message as _LobbyMessages.DataChanged
		var player: LobbyPlayer = you if change.id == you.id else players.get(change.id)
		events = _set_data(player, change.data)
	elif message is _LobbyMessages.EventMessage:
		events = [Event.new(Kind.EVENT, null, message as _LobbyMessages.EventMessage)]
	return events


## Removes the players that were missing for too long.
func expire(now_ms: float) -> Array[Event]:
	var events: Array[Event] = []
	for id: String in _missing_until.keys():
		if now_ms >= _missing_until[id]:
			events.append_array(_leave(id))
	return events


## Removes all other players, because this client has left.
func clear() -> Array[Event]:
	var events: Array[Event] = []
	for id: String in players.keys():
		events.append_array(_leave(id))
	return events


func _replace(welcome: _LobbyMessages.Welcome, now_ms: float, is_busy: bool) -> Array[Event]:
	has_unknown = false
	you.id = welcome.your_id
	you.n = welcome.n
	you.last_position = welcome.position
	var events: Array[Event] = []
	var here: Dictionary[String, LobbyPlayer] = {}
	for player in welcome.players:
		here[player.id] = player
	here.erase(you.id)
	for id: String in players.keys():
		if not here.has(id) and was_cut:
			_missing_until.get_or_add(id, now_ms + GRACE_MS)
		elif not here.has(id) and not _missing_until.has(id):
			events.append_array(_leave(id))
	for id: String in _missing_until.keys():  # those that the welcome lists have the first places
		if here.size() + _missing_until.size() > ROSTER_MOST and not here.has(id):
			events.append_array(_leave(id))
	was_cut = false
	_ids.clear()
	if you.data != welcome.data:
		events.append_array(_set_data(you, welcome.data))
	for player: LobbyPlayer in here.values():
		events.append_array(_update(player, welcome.t, now_ms, is_busy))
	return events


func _join(player: LobbyPlayer, now_ms: float, is_busy: bool) -> Array[Event]:
	var known: LobbyPlayer = players.get(player.id)
	if player.id == you.id:
		return []
	if known == null and players.size() >= ROSTER_MOST:
		return []
	var is_here := known != null and not _missing_until.has(player.id)
	if is_here and known.n == player.n and known.last_position.seq > player.last_position.seq:
		player.last_position = known.last_position  # a repeated join may carry an older position
	if known:
		_ids.erase(known.n)
	return _update(player, 0.0, now_ms, is_busy)


## Adds a player, or updates all that is known of it.
func _update(player: LobbyPlayer, server_ms: float, now_ms: float, is_busy: bool) -> Array[Event]:
	if player.n != 0:
		_ids[player.n] = player.id
	var known: LobbyPlayer = players.get(player.id)
	if known == null:
		players[player.id] = player
		player.track.place(player.last_position, player.age_ms, server_ms, now_ms, is_busy)
		return [Event.new(Kind.JOINED, player)]
	_missing_until.erase(player.id)
	if not player.has_position:
		player.last_position.position = known.position  # a player that has just reconnected has not sent a position yet
		player.last_position.z = known.last_position.z
	var has_moved := known.last_position.place() != player.last_position.place()
	var has_status := known.status != player.status or known.name != player.name
	known.n = player.n
	known.name = player.name
	known.status = player.status
	known.last_position = player.last_position
	var events: Array[Event] = []
	if has_moved:
		known.track.place(player.last_position, player.age_ms, server_ms, now_ms, is_busy)
		events.append(Event.new(Kind.MOVED, known))
	if has_status:
		events.append(Event.new(Kind.STATUS, known))
	if known.data != player.data:
		events.append_array(_set_data(known, player.data))
	return events


func _leave(id: String) -> Array[Event]:
	var gone: LobbyPlayer = players.get(id)
	if gone == null:
		return []
	players.erase(id)
	_missing_until.erase(id)
	if _ids.get(gone.n) == id:
		_ids.erase(gone.n)
	return [Event.new(Kind.LEFT, gone)]


func _move(id: String, position: LobbyPosition, server_ms: float, now_ms: float, is_busy: bool) -> Array[Event]:
	var known: LobbyPlayer = players.get(id)
	if known == null:
		has_unknown = has_unknown or id != you.id
	elif position.seq == 0 or position.seq > known.last_position.seq:
		known.last_position = position
		known.track.add(position, server_ms, now_ms, is_busy)
		return [Event.new(Kind.MOVED, known)]
	return []


func _id_of(n: int) -> String:
	return you.id if n == you.n else _ids.get(n, "")


func _set_status(message: _LobbyMessages.StatusChanged) -> Array[Event]:
	var player: LobbyPlayer = you if message.id == you.id else players.get(message.id)
	if player == null:
		return []
	player.status = message.status
	return [Event.new(Kind.STATUS, player)]


func _set_data(player: LobbyPlayer, data: Dictionary) -> Array[Event]:
	if player == null:
		return []
	player.data = data
	return [Event.new(Kind.DATA, player)]


## What a message changed.
class Event:
	extends RefCounted
	var kind: Kind
	## Null for an EVENT.
	var player: LobbyPlayer
	## The event, for an EVENT.
	var message: _LobbyMessages.EventMessage

	func _init(with_kind: Kind, with_player: LobbyPlayer, with_message: _LobbyMessages.EventMessage = null) -> void:
		kind = with_kind
		player = with_player
		message = with_message
