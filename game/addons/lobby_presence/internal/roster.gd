class_name LobbyRoster
extends RefCounted
## What a client knows of the others: messages in, events out. Pure; the time is an argument.
##
## The truth after a reconnect is the new welcome. It is compared with what was known, and only the differences become
## events: a short cut in the network makes nobody leave and join again. Nor does a lobby that starts anew: then everybody
## comes back, one after the other, and those who are not there yet are given a moment.

## What happened to a player. [constant JOINED]: came, or was here already when you came.
enum Kind { JOINED, LEFT, MOVED, STATUS }

## Who was here before a cut, and is missed after it, has so long to come back before it counts as having left.
const GRACE_MS := 5_000.0

## You, as the lobby knows you.
var you := LobbyPlayer.new()
## Who is here besides you, by id.
var players: Dictionary[String, LobbyPlayer] = {}
## Whether somebody moved of whom nothing is known: a join was missed, and the lobby should be asked for a new welcome.
var has_strangers := false
## Whether there was a cut, so that the next welcome may miss some who are on their way back.
var was_cut := false

var _missed: Dictionary[String, float] = {}  # by id: until when
var _ids: Dictionary[int, String] = {}


## Takes in one message and returns what it changed. [param is_busy]: it may have waited for us, not for the network.
func hear(message: LobbyMessages.Message, now_ms: float, is_busy := false) -> Array[Event]:
	var events: Array[Event] = []
	if message is LobbyMessages.Welcome:
		events = _replace(message as LobbyMessages.Welcome, now_ms)
	elif message is LobbyMessages.Join:
		events = _join((message as LobbyMessages.Join).player)
	elif message is LobbyMessages.Leave:
		events = _leave((message as LobbyMessages.Leave).id)
	elif message is LobbyMessages.Pos:
		var pos := message as LobbyMessages.Pos
		events = _move(pos.id, pos.at, 0.0, now_ms, is_busy)
	elif message is LobbyMessages.Moves:
		var moves := message as LobbyMessages.Moves
		for i in moves.ats.size():
			events.append_array(_move(_id_of(moves.numbers[i]), moves.ats[i], moves.t, now_ms, is_busy))
	elif message is LobbyMessages.Status:
		events = _set_status(message as LobbyMessages.Status)
	return events


## Who was missed for too long has left.
func give_up(now_ms: float) -> Array[Event]:
	var events: Array[Event] = []
	for id: String in _missed.keys():
		if now_ms >= _missed[id]:
			events.append_array(_leave(id))
	return events


## Forgets everybody: you have left.
func clear() -> Array[Event]:
	var events: Array[Event] = []
	for id: String in players.keys():
		events.append_array(_leave(id))
	return events


func _replace(welcome: LobbyMessages.Welcome, now_ms: float) -> Array[Event]:
	has_strangers = false
	you.id = welcome.your_id
	you.n = welcome.n
	you.at = welcome.at
	var events: Array[Event] = []
	var here: Dictionary[String, LobbyPlayer] = {}
	for player in welcome.players:
		here[player.id] = player
	here.erase(you.id)
	for id: String in players.keys():
		if not here.has(id) and was_cut:
			_missed.get_or_add(id, now_ms + GRACE_MS)
		elif not here.has(id) and not _missed.has(id):
			events.append_array(_leave(id))
	was_cut = false
	_ids.clear()
	for player: LobbyPlayer in here.values():
		events.append_array(_know(player))
	return events


func _join(player: LobbyPlayer) -> Array[Event]:
	var known: LobbyPlayer = players.get(player.id)
	if player.id == you.id:
		return []
	var is_here := known != null and not _missed.has(player.id)
	if is_here and known.n == player.n and known.at.seq > player.at.seq:
		player.at = known.at  # told again, it is the truth all the same; where the player stood may be old news
	if known:
		_ids.erase(known.n)
	return _know(player)


## Takes in all that is said of a player, be it known or not.
func _know(said: LobbyPlayer) -> Array[Event]:
	if said.n != 0:
		_ids[said.n] = said.id
	var known: LobbyPlayer = players.get(said.id)
	if known == null:
		players[said.id] = said
		said.track.place(said.at)
		return [Event.new(Kind.JOINED, said)]
	_missed.erase(said.id)
	if not said.has_place:
		said.at.position = known.position  # who has just come back has not said yet where it stands
	var has_moved := known.position != said.position
	var has_status := known.status != said.status or known.name != said.name
	known.n = said.n
	known.name = said.name
	known.status = said.status
	known.at = said.at
	var events: Array[Event] = []
	if has_moved:
		known.track.place(said.at)
		events.append(Event.new(Kind.MOVED, known))
	if has_status:
		events.append(Event.new(Kind.STATUS, known))
	return events


func _leave(id: String) -> Array[Event]:
	var gone: LobbyPlayer = players.get(id)
	if gone == null:
		return []
	players.erase(id)
	_missed.erase(id)
	if _ids.get(gone.n) == id:
		_ids.erase(gone.n)
	return [Event.new(Kind.LEFT, gone)]


func _move(id: String, at: LobbyMove, server_ms: float, now_ms: float, is_busy: bool) -> Array[Event]:
	var known: LobbyPlayer = players.get(id)
	if known == null:
		has_strangers = has_strangers or id != you.id
	elif at.seq == 0 or at.seq > known.at.seq:
		known.at = at
		known.track.add(at, server_ms, now_ms, is_busy)
		return [Event.new(Kind.MOVED, known)]
	return []


func _id_of(n: int) -> String:
	return you.id if n == you.n else _ids.get(n, "")


func _set_status(said: LobbyMessages.Status) -> Array[Event]:
	var player: LobbyPlayer = you if said.id == you.id else players.get(said.id)
	if player == null:
		return []
	player.status = said.status
	return [Event.new(Kind.STATUS, player)]


## What a message changed.
class Event:
	extends RefCounted
	var kind: Kind
	var player: LobbyPlayer

	func _init(what: Kind, who: LobbyPlayer) -> void:
		kind = what
		player = who
