extends RefCounted
## Internal: the wire format of the protocol, versions 1 to 3, in both directions. No other file knows names of JSON fields.
## Compact positions are in compact.gd.
##
## A server is not trusted: a text that is not a valid message of the protocol is decoded as null and changes nothing.

@warning_ignore_start("return_value_discarded")

const _LobbyCompact := preload("compact.gd")
const _LobbyConstants := preload("constants.gd")
const _LobbyData := preload("data.gd")
const _LobbyText := preload("text.gd")

## Newest version of the protocol that the addon knows.
const VERSION := 3
## A number of this size or larger is not valid.
const NUMBER_LIMIT := 1e15

static var _url := RegEx.create_from_string(
	"^(?:(?:ws|http)(s?)://)?((?:\\[[0-9A-Fa-f:.]+\\]|[^/?#\\s:@\\[\\]]+)(?::(\\d{1,5}))?)(/[^?#\\s]*)?(?:\\?([^#\\s]*))?$"
)

# ── the handshake ─────────────────────────────────────────────────────────────────────────────────────────────────────


## Returns the address to connect to, with the player in its query; [param watch]: as a watcher. Empty if [param url] is not a
## valid address of a lobby.
static func address(url: String, player: String, room := "", name := "", token := "", watch := false) -> String:
	var parts := _url.search(url)
	if parts == null or parts.get_string(3).to_int() > 65_535:
		return ""
	var query: PackedStringArray = []
	if parts.get_string(5):
		query.append(parts.get_string(5))
	var values: Dictionary[String, String] = {"pid": player, "room": room, "name": name, "v": str(VERSION), "token": token}
	if watch:
		values["watch"] = "1"
	for parameter in values:
		if values[parameter]:
			query.append("%s=%s" % [parameter, values[parameter].uri_encode()])
	# WebSocketPeer refuses an address that has no path before its question mark.
	var path := parts.get_string(4) if parts.get_string(4) else "/"
	return "ws%s://%s%s?%s" % [parts.get_string(1), parts.get_string(2), path, "&".join(query)]


## Returns the address of the list of rooms, which is beside the address [param url] of the lobby. Empty if that is not valid.
static func rooms_address(url: String, token: String, limit: int, after: String) -> String:
	var parts := _url.search(url)
	if parts == null or parts.get_string(3).to_int() > 65_535:
		return ""
	var path := parts.get_string(4) if parts.get_string(4) else "/"
	var query := "limit=%d" % limit
	query += "&after=" + after.uri_encode() if after else ""
	var before := "token=" + token.uri_encode() if token else parts.get_string(5)
	for parameter in before.split("&"):
		query += "&" + parameter if parameter.begins_with("token=") else ""
	return "http%s://%s%s/rooms?%s" % [parts.get_string(1), parts.get_string(2), path.get_base_dir().rstrip("/"), query]


## Returns the rooms and the next page in the answer of the lobby. Empty if [param text] is no list of rooms.
static func room_list(text: String) -> Dictionary:
	var json := JSON.new()
	if json.parse(text) != OK or json.data is not Dictionary:
		return {}
	var answer: Dictionary = json.data
	var listed: Variant = answer.get("rooms")
	if listed is not Array:
		return {}
	var rooms: Array[Dictionary] = []
	for one: Variant in listed:
		var room: Dictionary = one if one is Dictionary else {}
		if room.get("name") is not String or room.get("players") is not float or room.get("size") is not float:
			return {}
		var players: float = room["players"]
		var size: float = room["size"]
		rooms.append({"name": room["name"], "players": int(players), "size": int(size)})
	var next: Variant = answer.get("next")
	var following: String = next if next is String else ""
	return {"rooms": rooms, "next": following}


# ── client to server ──────────────────────────────────────────────────────────────────────────────────────────────────


## The player's position. Version 1 of the protocol has x and y only.
static func pos(position: LobbyPosition, version := VERSION) -> String:
	var place := position.position
	var body := {"action": "pos", "x": snappedf(place.x, 0.01), "y": snappedf(place.y, 0.01)}
	if version >= 2:
		var more := {
			"vx": snappedf(position.velocity.x, 0.01),
			"vy": snappedf(position.velocity.y, 0.01),
			"h": snappedf(position.heading, 0.01),
			"seq": position.seq,
			"t": position.t,
			"z": snappedf(position.z, 0.01),
			"vz": snappedf(position.vz, 0.01),
		}
		for field: String in more:
			if more[field]:
				body[field] = more[field]
	return JSON.stringify(body)


## Asks for a [code]welcome[/code].
static func hello() -> String:
	return JSON.stringify({"action": "hello"})


## Asks for a [code]pong[/code] that carries the same [param t].
static func ping(t: int) -> String:
	return JSON.stringify({"action": "ping", "t": t})


## The player's status text. Empty removes it.
static func status(text: String) -> String:
	return JSON.stringify({"action": "status", "status": _LobbyText.one_line(text)})


## The player's new name. Empty: its id.
static func rename(text: String) -> String:
	return JSON.stringify({"action": "name", "name": _LobbyText.one_line(text)})


## A change of the player's data, as a merge patch.
static func change_data(patch: Dictionary) -> String:
	return JSON.stringify({"action": "data", "data": patch})


## An event for the player [param to]; empty: for all others in the room. [param seq] counts the events of a connection from 1.
static func send(event: String, data: Dictionary, to: String, seq: int) -> String:
	var body := {"action": "send", "event": event, "seq": seq}
	if data:
		body["data"] = data
	if to:
		body["to"] = to
	return JSON.stringify(body)


# ── server to client ──────────────────────────────────────────────────────────────────────────────────────────────────


## Returns the message in [param text]; null if it is not a valid message of the protocol. [param compact] has decoded the
## earlier compact positions of the same connection.
static func decode(text: String, compact := _LobbyCompact.new()) -> Message:
	if text.begins_with(_LobbyCompact.TEXT_PREFIX):
		var frame := compact.decode_text(text)
		return Moves.of(frame) if frame != null else null
	var json := JSON.new()
	if json.parse(text) != OK or not json.data is Dictionary:
		return null
	var body: Dictionary = json.data
	var fields := Fields.new(body)
	var message: Message
	match fields.text("type"):
		"moves":
			message = Moves.new(fields)
		"pos":
			message = PlayerPos.new(fields)
		"welcome":
			message = Welcome.new(fields)
		"join":
			message = Join.new(fields)
		"leave":
			message = Leave.new(fields)
		"changes":
			message = Changes.new(fields)
		"status":
			message = StatusChanged.new(fields)
		"data":
			message = DataChanged.new(fields)
		"event":
			message = EventMessage.new(fields)
		"config":
			message = Config.new(fields)
		"pong":
			message = Pong.new(fields)
		"error":
			message = ErrorMessage.new(fields)
	return message if fields.are_valid else null


## Base of all messages of the server.
class Message:
	extends RefCounted


## All other players of the room. It replaces what the client knew before.
class Welcome:
	extends Message
	var your_id: String
	var players: Array[LobbyPlayer] = []
	## The version of the protocol that the lobby uses.
	var v: int
	## The number of this client's player in the room.
	var n: int
	## The server's clock, in ms. 0: not given.
	var t: float
	## The position at which the lobby has this client's player.
	var position: LobbyPosition
	## Its data.
	var data: Dictionary

	func _init(fields: Fields) -> void:
		your_id = fields.id("your_id")
		v = fields.whole("v", 1)
		n = fields.whole("n", 0)
		t = fields.number("t", 0.0)
		position = fields.position()
		data = fields.object("data")
		players = fields.players("lobby_players")


## A player joined.
class Join:
	extends Message
	var player: LobbyPlayer

	func _init(fields: Fields) -> void:
		player = fields.player()


## A player left.
class Leave:
	extends Message
	var id: String

	func _init(fields: Fields) -> void:
		id = fields.id("id")


## Players left and joined, in this order (version 3).
class Changes:
	extends Message
	var left: PackedStringArray = []
	var joined: Array[LobbyPlayer] = []

	func _init(fields: Fields) -> void:
		left = fields.ids("leave")
		joined = fields.players("join") if fields.has("join") else joined


## A player moved (version 1 only).
class PlayerPos:
	extends Message
	var id: String
	var position: LobbyPosition

	func _init(fields: Fields) -> void:
		id = fields.id("id")
		position = fields.position()


## All positions of one window. Players are named by their numbers.
class Moves:
	extends Message
	## The server's clock, in ms.
	var t: float
	var numbers: PackedInt64Array = []
	var positions: Array[LobbyPosition] = []

	func _init(fields: Fields = null) -> void:
		if fields == null:
			return
		t = fields.number("t")
		for entry: Variant in fields.list("m"):
			_add(fields, fields.numbers(entry))

	## Returns the message with the entries of a compact frame.
	static func of(frame: _LobbyCompact.Frame) -> Moves:
		var moves := Moves.new()
		moves.t = frame.ms
		for entry in frame.entries:
			moves._append(entry.n, [entry.x, entry.y, entry.vx, entry.vy, entry.h, entry.z, entry.vz], entry.seq, entry.t)
		return moves

	## An entry is [code][n, x, y, vx, vy, h, seq, t, z, vz][/code]. All but n, seq and t are in hundredths. Zeros at the end
	## are left out.
	func _add(fields: Fields, entry: PackedFloat64Array) -> void:
		fields.are_valid = fields.are_valid and not entry.is_empty()
		entry.resize(10)
		_append(int(entry[0]), entry.slice(1, 6) + entry.slice(8, 10), int(entry[6]), int(entry[7]))

	## [param hundredths]: x, y, vx, vy, h, z and vz.
	func _append(n: int, hundredths: PackedFloat64Array, seq: int, clock: int) -> void:
		var position := LobbyPosition.new(
			Vector2(hundredths[0], hundredths[1]) / 100.0,
			Vector2(hundredths[2], hundredths[3]) / 100.0,
			hundredths[4] / 100.0,
			hundredths[5] / 100.0,
			hundredths[6] / 100.0
		)
		position.seq = seq
		position.t = clock
		numbers.append(n)
		positions.append(position)


## A player's status changed. The player may be this client's own.
class StatusChanged:
	extends Message
	var id: String
	var status: String

	func _init(fields: Fields) -> void:
		id = fields.id("id")
		status = _LobbyText.one_line(fields.text("status"))


## A player's data changed: it is the whole object. The player may be this client's own.
class DataChanged:
	extends Message
	var id: String
	var data: Dictionary

	func _init(fields: Fields) -> void:
		id = fields.id("id")
		data = fields.object("data")


## An event. An empty [member id] is an operator of the lobby.
class EventMessage:
	extends Message
	var id: String
	var event: String
	var data: Dictionary

	func _init(fields: Fields) -> void:
		id = fields.id("id")
		event = _LobbyText.one_line(fields.text("event"))
		data = fields.object("data")


## Timing that the lobby asks for, in ms.
class Config:
	extends Message
	## Shortest interval between two positions of a client.
	var send_ms: float = _LobbyConstants.SEND_MS
	## The lobby collects positions for so long before it sends them.
	var window_ms: float = _LobbyConstants.WINDOW_MS
	## The same for receivers that are far away.
	var far_ms: float = _LobbyConstants.FAR_MS
	## Interval between a client's pings.
	var heartbeat_ms: float = _LobbyConstants.HEARTBEAT_MS
	## Over which time clients return after the lobby has closed all connections.
	var return_ms := 0.0

	func _init(fields: Fields = null) -> void:
		if fields == null:
			return
		send_ms = fields.duration_ms("send_ms")
		window_ms = fields.duration_ms("window_ms")
		far_ms = fields.duration_ms("far_ms")
		heartbeat_ms = fields.duration_ms("heartbeat_ms")
		return_ms = fields.duration_ms("return_ms", 0.0)


## The answer to a ping. [member t] is the ping's, [member now] is the server's clock in ms.
class Pong:
	extends Message
	var t: float
	var now: float
	## Whether the lobby reports [member seq]. An old lobby does not.
	var has_seq: bool
	## Sequence number of the own position that the lobby has stored; 0: none.
	var seq: int

	func _init(fields: Fields) -> void:
		t = fields.number("t")
		now = fields.number("now")
		has_seq = fields.has("seq")
		seq = fields.whole("seq", 0)


## The lobby refused a message, or it is about to close the connection.
class ErrorMessage:
	extends Message
	## Code of the error, see [LobbyErrors].
	var code: String
	var message: String
	## In a closing error, the code with which the connection ends; else 0. API Gateway cannot close with a code of its own.
	var close: int
	## Whether the error carries the position that the lobby has instead, as [code]too_fast[/code] does.
	var has_position: bool
	var position: LobbyPosition

	func _init(fields: Fields) -> void:
		code = _LobbyText.one_line(fields.text("code", ""))
		message = _LobbyText.one_line(fields.text("message", ""), _LobbyConstants.SENTENCE_CHARACTERS)
		close = fields.whole("close", 0)
		has_position = fields.has("x") and fields.has("y")
		position = fields.position()


## The fields of one message. One invalid field makes the whole message invalid.
class Fields:
	extends RefCounted
	var are_valid := true
	var _body: Dictionary

	func _init(body: Dictionary) -> void:
		_body = body

	func has(name: String) -> bool:
		return _body.has(name)

	func text(name: String, default: Variant = null) -> String:
		var value: Variant = _body.get(name, default)
		are_valid = are_valid and value is String
		return value if value is String else ""

	func number(name: String, default: Variant = null) -> float:
		return _number(_body.get(name, default))

	func whole(name: String, default: Variant = null) -> int:
		return int(number(name, default))

	func duration_ms(name: String, default: Variant = null) -> float:
		var value := number(name, default)
		are_valid = are_valid and value >= 0.0 and value <= _LobbyConstants.CONFIG_LONGEST_MS
		return value

	## Returns the id of a player.
	func id(name: String) -> String:
		var value := text(name)
		are_valid = are_valid and value.length() <= _LobbyConstants.ID_CHARACTERS
		return value

	## Returns an object of the game; empty if there is none, or if it is larger than any lobby stores.
	func object(name: String) -> Dictionary:
		var value: Variant = _body.get(name, {})
		are_valid = are_valid and value is Dictionary
		var found: Dictionary = value if are_valid else {}
		return _LobbyData.bounded(found)

	## Returns the ids of players; none if there is no list.
	func ids(name: String) -> PackedStringArray:
		var found: PackedStringArray = []
		for entry: Variant in list(name) if has(name) else []:
			var fields := Fields.new({"id": entry})
			found.append(fields.id("id"))
			are_valid = are_valid and fields.are_valid
		return found

	## Returns a list with at most one entry for each player.
	func list(name: String) -> Array:
		var value: Variant = _body.get(name)
		var all: Array = value if value is Array else []
		are_valid = are_valid and value is Array and all.size() <= _LobbyConstants.ROSTER_MOST
		return all if are_valid else []

	## Returns the numbers of an entry of a list.
	func numbers(entry: Variant) -> PackedFloat64Array:
		are_valid = are_valid and entry is Array
		var values: PackedFloat64Array = []
		var all: Array = entry if entry is Array else []
		for value: Variant in all:
			values.append(_number(value))
		return values

	func position() -> LobbyPosition:
		var found := LobbyPosition.new(
			Vector2(number("x", 0.0), number("y", 0.0)),
			Vector2(number("vx", 0.0), number("vy", 0.0)),
			number("h", 0.0),
			number("z", 0.0),
			number("vz", 0.0)
		)
		found.seq = whole("seq", 0)
		return found

	func player() -> LobbyPlayer:
		var found := LobbyPlayer.new()
		found.id = id("id")
		found.n = whole("n", 0)
		found.name = _LobbyText.one_line(text("name", found.id))
		found.status = _LobbyText.one_line(text("status", ""))
		found.last_position = position()
		found.last_position.t = whole("t", 0)
		found.data = object("data")
		found.age_ms = maxf(0.0, number("age", 0.0))
		return found

	func players(name: String) -> Array[LobbyPlayer]:
		var all: Array[LobbyPlayer] = []
		for entry: Variant in list(name):
			var body: Dictionary = entry if entry is Dictionary else {}
			var fields := Fields.new(body)  # an empty one has no id, so it is not valid
			all.append(fields.player())
			are_valid = are_valid and fields.are_valid
		return all

	func _number(value: Variant) -> float:
		var found: float = value if value is float or value is int else NAN
		are_valid = are_valid and absf(found) < NUMBER_LIMIT
		return found if are_valid else 0.0
