extends RefCounted
## Internal: compact positions of protocol version 3. Frames of bytes in, whole numbers out. docs/protocol.md has each bit.
##
## An entry is whole, or the difference to a whole entry of the same player: its base. An entry whose base is not known is
## ignored: a whole one follows within a second. A server is not trusted: bytes that are no frame of a lobby become null, change
## nothing, and cost a bounded time.

@warning_ignore_start("return_value_discarded", "integer_division")

const _LobbyConstants := preload("constants.gd")

## A text message that begins with it is a frame in base64.
const TEXT_PREFIX := "~"
const KIND := 1
const HEADER_BYTES := 7
## A base that is older counts no more.
const BASE_VALID_MS := 3_000
## A whole entry with a velocity of so many hundredths, or more, is no base.
const BASE_SPEED_LIMIT := 1 << 23
const SEQ_LIMIT := 1_000_000_000_000_000
const WHOLE_SIZES: Array[int] = [0, 9, 12, 14, 16, 18, 28, 40]
const STEP_SIZES: Array[int] = [0, 4, 6, 8, 10, 11, 13, 24]
const LAG_SIZES: Array[int] = [4, 6, 8, 16]
const VELOCITY := 16
const HEADING := 8
const CLOCK := 4
const SEQ := 2
const HEIGHT := 1
const PROFILES: Array[int] = [0, VELOCITY | HEADING | CLOCK | SEQ, VELOCITY | HEADING | CLOCK | SEQ | HEIGHT]

static var _base64 := RegEx.create_from_string("^[A-Za-z0-9+/]+={0,2}\\z")

# The bases of the players, by 8 * the number of the player in the room + the number of the base.
var _bases: Dictionary[int, Values] = {}


## Returns the positions in a frame. Null if it is no valid frame, or of a kind that only a newer client knows.
func decode(bytes: PackedByteArray) -> Frame:
	if bytes.size() < HEADER_BYTES or bytes[0] != KIND:
		return null
	var bits := Bits.new(bytes, 1)
	var frame := Frame.new()
	frame.ms = bits.take(48)
	var bases: Dictionary[int, Values] = {}
	var count := 0
	while not bits.is_at_end():
		count += 1
		var n := bits.grouped(4)
		var is_whole := bits.take(1) == 1
		var number := bits.take(3)
		var profile := bits.take(2)
		var fields := PROFILES[profile] if profile < PROFILES.size() else bits.take(5)
		var base: Values = null if is_whole else _bases.get(8 * n + number)
		if base != null and absi(frame.ms - base.ms) > BASE_VALID_MS:
			base = null
		# A difference is read also where its base is not known: only so the start of the next entry is known.
		var values := (
			_whole(bits, fields) if is_whole else _difference(bits, fields, base if base != null else Values.new(), frame.ms)
		)
		bits.align()
		if bits.is_wrong or values.seq >= SEQ_LIMIT or count > _LobbyConstants.ROSTER_MOST:
			return null
		values.n = n
		values.ms = frame.ms
		if is_whole and number > 0 and values.can_be_base():
			bases[8 * n + number] = values
		if is_whole or base != null:
			frame.entries.append(values)
	if _bases.size() + bases.size() > 8 * _LobbyConstants.ROSTER_MOST:
		_bases.clear()  # all bases return within a second
	_bases.merge(bases, true)
	return frame


## The same for a text that begins with [constant TEXT_PREFIX].
func decode_text(text: String) -> Frame:
	var encoded := text.trim_prefix(TEXT_PREFIX)
	if encoded.length() % 4 or _base64.search(encoded) == null:
		return null
	return decode(Marshalls.base64_to_raw(encoded))


## Returns a frame as a text that begins with [constant TEXT_PREFIX].
static func as_text(bytes: PackedByteArray) -> String:
	return TEXT_PREFIX + (Marshalls.raw_to_base64(bytes) if bytes else "")


static func _whole(bits: Bits, fields: int) -> Values:
	var values := Values.new()
	var width := WHOLE_SIZES[bits.take(3)]
	values.x = bits.signed(width)
	values.y = bits.signed(width)
	if fields & VELOCITY:
		width = WHOLE_SIZES[bits.take(3)]
		values.vx = bits.signed(width)
		values.vy = bits.signed(width)
	if fields & HEADING:
		values.h = _heading(bits, values)
	if fields & CLOCK:
		values.t = bits.take(16)
	if fields & SEQ:
		values.seq = bits.grouped(8)
	if fields & HEIGHT:
		values.z = bits.signed(WHOLE_SIZES[bits.take(3)])
		values.vz = bits.signed(WHOLE_SIZES[bits.take(3)])
	return values


static func _difference(bits: Bits, fields: int, base: Values, ms: int) -> Values:
	var values := Values.new()
	var width := STEP_SIZES[bits.take(3)]
	var dx := bits.signed(width)
	var dy := bits.signed(width)
	if fields & VELOCITY:
		width = STEP_SIZES[bits.take(3)]
		values.vx = base.vx + bits.signed(width)
		values.vy = base.vy + bits.signed(width)
	if fields & HEADING:
		values.h = _heading(bits, values)
	if fields & CLOCK:
		values.t = posmod(base.t + ms - base.ms - bits.signed(LAG_SIZES[bits.take(2)]), 65_536)
	if fields & SEQ:
		values.seq = base.seq + bits.take(12 if bits.take(1) else 3)
	var passed_ms := posmod(values.t - base.t if fields & CLOCK else ms - base.ms, 65_536)
	if fields & HEIGHT:
		var dz := bits.signed(STEP_SIZES[bits.take(3)])
		values.vz = base.vz + bits.signed(STEP_SIZES[bits.take(3)])
		values.z = dz + _predicted(base.z, base.vz, values.vz, passed_ms)
	values.x = dx + _predicted(base.x, base.vx, values.vx, passed_ms)
	values.y = dy + _predicted(base.y, base.vy, values.vy, passed_ms)
	return values


static func _heading(bits: Bits, values: Values) -> int:
	match bits.take(2):
		0:
			return _direction(values.vx, values.vy)
		1:
			return _direction(values.vx, values.vy) + bits.signed(4)
		2:
			return bits.signed(10)
	return bits.signed(40)


## The direction of a velocity, in hundredths of a radian.
static func _direction(vx: int, vy: int) -> int:
	return floori(100.0 * atan2(vy, vx) + 0.5) if vx != 0 or vy != 0 else 0


## Where a coordinate is [param ms] after its base, if the velocity has changed evenly.
static func _predicted(base: int, before: int, after: int, ms: int) -> int:
	var way := (before + after) * ms
	return base + (way - posmod(way, 2000)) / 2000


## The positions in a frame.
class Frame:
	extends RefCounted
	## The clock of the server, in ms.
	var ms: int
	var entries: Array[Values] = []


## The position of one player in whole numbers: hundredths, except [member seq] and [member t].
class Values:
	extends RefCounted
	## The number of the player in the room.
	var n := 0
	## The time of its frame.
	var ms := 0
	var x := 0
	var y := 0
	var vx := 0
	var vy := 0
	var h := 0
	var seq := 0
	var t := 0
	var z := 0
	var vz := 0

	func can_be_base() -> bool:
		return maxi(maxi(absi(vx), absi(vy)), absi(vz)) < BASE_SPEED_LIMIT


## Reads bits, the highest of each byte first. Behind the end it returns zeros and [member is_wrong] is true.
class Bits:
	extends RefCounted
	var is_wrong := false
	var _bytes: PackedByteArray
	var _at: int  # in bits

	func _init(bytes: PackedByteArray, start: int) -> void:
		_bytes = bytes
		_at = 8 * start

	func is_at_end() -> bool:
		return _at >= 8 * _bytes.size()

	func take(width: int) -> int:
		if _at + width > 8 * _bytes.size():
			is_wrong = true
			return 0
		var value := 0
		while width > 0:
			var left := 8 - _at % 8
			var count := mini(left, width)
			value = value << count | (_bytes[_at >> 3] >> (left - count)) & ((1 << count) - 1)
			_at += count
			width -= count
		return value

	func signed(width: int) -> int:
		var value := take(width)
		return value - (1 << width) if width > 0 and value >= 1 << (width - 1) else value

	## Returns a number in groups of seven bits, the lowest first, each behind a bit that is 1 if another group follows.
	func grouped(groups: int) -> int:
		var value := 0
		for group in groups:
			var is_last := take(1) == 0
			value |= take(7) << 7 * group
			if is_last:
				return value
		is_wrong = true
		return value

	## Goes on to the next whole byte.
	func align() -> void:
		_at = (_at + 7) / 8 * 8
