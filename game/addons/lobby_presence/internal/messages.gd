class_name LobbyMessages
extends RefCounted
## The wire format, both directions, versions 1 and 2; the only file that knows the names of JSON fields.
##
## A server is not believed blindly: what is no message of this protocol is null, and nothing else happens.

const VERSION := 2
## Length of a name or a status: what fits over a ship.
const TEXT_CHARACTERS := 32
## Length of a sentence for people.
const SENTENCE_CHARACTERS := 200
## Numbers from here on are no position and no time.
const HUGE := 1e15

static var _id := RegEx.create_from_string("^[A-Za-z0-9_.:-]{1,64}\\z")
static var _url := RegEx.create_from_string(
	"^(?:(?:ws|http)(s?)://)?((?:\\[[0-9A-Fa-f:.]+\\]|[^/?#\\s:@\\[\\]]+)(?::(\\d{1,5}))?)(/[^?#\\s]*)?(?:\\?([^#\\s]*))?$"
)
# Control characters, and those that turn the reading direction around: a name could make the rest of a line unreadable.
static var _unreadable := RegEx.create_from_string(
	"[\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}\\x{202a}-\\x{202e}\\x{2066}-\\x{2069}\\x{200e}\\x{200f}\\x{61c}]"
)

# ── the handshake ─────────────────────────────────────────────────────────────────────────────────────────────────────


## Whether [param text] may name a player or a room: 1 to 64 of [code]A-Z a-z 0-9 _ . : -[/code].
static func is_id(text: String) -> bool:
	return _id.search(text) != null


## The address to connect to; empty where [param url] is no address of a lobby.
static func address(url: String, player: String, room := "", name := "", token := "") -> String:
	var parts := _url.search(url)
	if parts == null or parts.get_string(3).to_int() > 65_535:
		return ""
	var query: PackedStringArray = []
	if parts.get_string(5):
		query.append(parts.get_string(5))
	var said: Dictionary[String, String] = {"pid": player, "room": room, "name": name, "v": str(VERSION), "token": token}
	for parameter in said:
		if said[parameter]:
			query.append("%s=%s" % [parameter, said[parameter].uri_encode()])
	# The path matters: the engine refuses an address that has none in front of its question mark.
	var path := parts.get_string(4) if parts.get_string(4) else "/"
	return "ws%s://%s%s?%s" % [parts.get_string(1), parts.get_string(2), path, "&".join(query)]


# ── client to server ──────────────────────────────────────────────────────────────────────────────────────────────────


## I stand here now. Version 1 knows the place only.
static func pos(move: LobbyMove, version := VERSION) -> String:
	var body := {"action": "pos", "x": snappedf(move.position.x, 0.01), "y": snappedf(move.position.y, 0.01)}
	if version >= 2:
		var more := {
			"vx": snappedf(move.velocity.x, 0.01),
			"vy": snappedf(move.velocity.y, 0.01),
			"h": snappedf(move.heading, 0.01),
			"seq": move.seq,
			"t": move.t,
		}
		for field: String in more:
			if more[field]:
				body[field] = more[field]
	return JSON.stringify(body)


## Tell me who is here.
static func hello() -> String:
	return JSON.stringify({"action": "hello"})


## Are you there? [param t] comes back as it was.
static func ping(t: int) -> String:
	return JSON.stringify({"action": "ping", "t": t})


## A word over my head; empty takes it away.
static func status(text: String) -> String:
	return JSON.stringify({"action": "status", "status": one_line(text)})


# ── server to client ──────────────────────────────────────────────────────────────────────────────────────────────────


## What a server said; null for what is not known here, or no message at all.
static func decode(text: String) -> Message:
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
			message = Pos.new(fields)
		"welcome":
			message = Welcome.new(fields)
		"join":
			message = Join.new(fields)
		"leave":
			message = Leave.new(fields)
		"status":
			message = Status.new(fields)
		"config":
			message = Config.new(fields)
		"pong":
			message = Pong.new(fields)
		"error":
			message = Refusal.new(fields)
	return message if fields.are_right else null


## [param text] as one line that can be read, no longer than [param most] characters.
static func one_line(text: String, most := TEXT_CHARACTERS) -> String:
	return _unreadable.sub(text.left(4 * most), " ", true).strip_edges().left(most)


## Anything that a server says.
class Message:
	extends RefCounted


## Who is here besides you: the whole truth.
class Welcome:
	extends Message
	var your_id: String
	var players: Array[LobbyPlayer] = []
	## The version that is spoken.
	var v: int
	## Your number in this room.
	var n: int
	## Where you stand.
	var at: LobbyMove

	func _init(fields: Fields) -> void:
		your_id = fields.text("your_id")
		v = fields.whole("v", 1)
		n = fields.whole("n", 0)
		at = fields.move()
		players = fields.players("lobby_players")


## Somebody came.
class Join:
	extends Message
	var player: LobbyPlayer

	func _init(fields: Fields) -> void:
		player = fields.player()


## Somebody went.
class Leave:
	extends Message
	var id: String

	func _init(fields: Fields) -> void:
		id = fields.text("id")


## Somebody moved (version 1).
class Pos:
	extends Message
	var id: String
	var at: LobbyMove

	func _init(fields: Fields) -> void:
		id = fields.text("id")
		at = fields.move()


## Who moved in a window, by number.
class Moves:
	extends Message
	## The server's clock, in ms.
	var t: float
	var numbers: PackedInt64Array = []
	var ats: Array[LobbyMove] = []

	func _init(fields: Fields) -> void:
		t = fields.number("t")
		for entry: Variant in fields.list("m"):
			_take(fields, fields.numbers(entry))

	## [code][n, x, y, vx, vy, h, seq, t][/code] in hundredths; zeros at the end are cut off.
	func _take(fields: Fields, entry: PackedFloat64Array) -> void:
		fields.are_right = fields.are_right and not entry.is_empty()
		entry.resize(8)
		var at := LobbyMove.new(Vector2(entry[1], entry[2]) / 100.0, Vector2(entry[3], entry[4]) / 100.0, entry[5] / 100.0)
		at.seq = int(entry[6])
		at.t = int(entry[7])
		numbers.append(int(entry[0]))
		ats.append(at)


## Somebody's status changed; yours too.
class Status:
	extends Message
	var id: String
	var status: String

	func _init(fields: Fields) -> void:
		id = fields.text("id")
		status = LobbyMessages.one_line(fields.text("status"))


## How often to send, what to expect.
class Config:
	extends Message
	var send_ms := 100.0
	var window_ms := 60.0
	var far_ms := 500.0
	var heartbeat_ms := 20_000.0

	func _init(fields: Fields = null) -> void:
		if fields == null:
			return
		send_ms = fields.duration_ms("send_ms")
		window_ms = fields.duration_ms("window_ms")
		far_ms = fields.duration_ms("far_ms")
		heartbeat_ms = fields.duration_ms("heartbeat_ms")


## Answers a ping: [member t] as it went, [member now] the server's clock in ms.
class Pong:
	extends Message
	var t: float
	var now: float

	func _init(fields: Fields) -> void:
		t = fields.number("t")
		now = fields.number("now")


## The server said no: to a message, or to you, and then the connection ends.
class Refusal:
	extends Message
	## What it is about, see [LobbyErrors].
	var code: String
	var message: String
	## The close code of the connection, which ends now; 0 where it goes on. Not every host can say it by the close itself.
	var close: int
	## Whether it says where you stand instead, as [code]too_fast[/code] does.
	var has_place: bool
	var place: Vector2

	func _init(fields: Fields) -> void:
		code = LobbyMessages.one_line(fields.text("code", ""))
		message = LobbyMessages.one_line(fields.text("message", ""), SENTENCE_CHARACTERS)
		close = fields.whole("close", 0)
		has_place = fields.has("x") and fields.has("y")
		place = Vector2(fields.number("x", 0.0), fields.number("y", 0.0))


## The fields of one message. One that is not what it should be makes all of them wrong.
class Fields:
	extends RefCounted
	## No duration is longer; one that is was not meant for us.
	const LONGEST_MS := 3_600_000.0

	var are_right := true
	var _body: Dictionary

	func _init(body: Dictionary) -> void:
		_body = body

	func has(name: String) -> bool:
		return _body.has(name)

	func text(name: String, otherwise: Variant = null) -> String:
		var value: Variant = _body.get(name, otherwise)
		are_right = are_right and value is String
		return value if value is String else ""

	func number(name: String, otherwise: Variant = null) -> float:
		return _number(_body.get(name, otherwise))

	func whole(name: String, otherwise: Variant = null) -> int:
		return int(number(name, otherwise))

	func duration_ms(name: String) -> float:
		var value := number(name)
		are_right = are_right and value >= 0.0 and value <= LONGEST_MS
		return value

	func list(name: String) -> Array:
		var value: Variant = _body.get(name)
		are_right = are_right and value is Array
		return value if value is Array else []

	## An entry of a list as numbers.
	func numbers(entry: Variant) -> PackedFloat64Array:
		are_right = are_right and entry is Array
		var values: PackedFloat64Array = []
		var all: Array = entry if entry is Array else []
		for value: Variant in all:
			values.append(_number(value))
		return values

	func move() -> LobbyMove:
		var at := LobbyMove.new(
			Vector2(number("x", 0.0), number("y", 0.0)), Vector2(number("vx", 0.0), number("vy", 0.0)), number("h", 0.0)
		)
		at.seq = whole("seq", 0)
		return at

	func player() -> LobbyPlayer:
		var one := LobbyPlayer.new()
		one.id = text("id")
		one.n = whole("n", 0)
		one.name = LobbyMessages.one_line(text("name", one.id))
		one.status = LobbyMessages.one_line(text("status", ""))
		one.at = move()
		return one

	func players(name: String) -> Array[LobbyPlayer]:
		var all: Array[LobbyPlayer] = []
		for entry: Variant in list(name):
			var body: Dictionary = entry if entry is Dictionary else {}
			var fields := Fields.new(body)  # an empty one names no player
			all.append(fields.player())
			are_right = are_right and fields.are_right
		return all

	func _number(value: Variant) -> float:
		var found: float = value if value is float or value is int else NAN
		are_right = are_right and absf(found) < HUGE
		return found if are_right else 0.0
