class_name LobbyPilot
extends RefCounted
## Decides when to tell the others where you are: when they would draw you wrongly, and always once at rest.
##
## The others go on in a straight line from what they last heard (dead reckoning), and draw you some hundred ms late. So a bend
## need not be told when it begins: told a moment later, with the velocity, it is still drawn in time, and one message tells
## more of it. Silence says "straight on" and costs nothing. Reads no clock itself.

## The others may be wrong by so much: units, or seconds of the way for fast players.
const SURPRISE_UNITS := 0.07
const SURPRISE_S := 0.006
## A nose may point so much elsewhere.
const SURPRISE_RADIANS := 0.35
## For so long they may be wrong, since they draw you later than that.
const PATIENCE_MS := 100.0
## While you move, they hear of you this often at least.
const LONGEST_MS := 1_000.0
## Who has not moved for so long has come to rest.
const REST_MS := 250.0

## No position is sent sooner than this after the one before.
var send_ms := 100.0

var _now := LobbyMove.new()
var _now_ms := NAN
var _moved_ms := 0.0
var _right_ms := 0.0
var _said: LobbyMove
var _said_ms := -INF
var _free_ms := -INF


## Stands there, at [param now_ms]. Call it as often as you like; what is worth a message, [method due] says.
func stand(move: LobbyMove, now_ms: float) -> void:
	move.position = move.position.snapped(Vector2(0.01, 0.01))
	move.velocity = move.velocity.snapped(Vector2(0.01, 0.01))
	if move.position != _now.position or move.heading != _now.heading:
		_moved_ms = now_ms
	_now = move
	_now_ms = now_ms
	if _said != null and _is_expected():
		_right_ms = now_ms


## The position to send now, or null. What it gives counts as said.
func due(now_ms: float) -> LobbyMove:
	if is_nan(_now_ms) or now_ms < _free_ms:
		return null
	if not _now.rests() and now_ms - _now_ms > REST_MS:
		# The game fell silent: who is not moved any more stands.
		var rest := LobbyMove.new(_now.position, Vector2.ZERO, _now.heading)
		rest.t = (_now.t + roundi(now_ms - _now_ms)) % LobbySenderClock.WRAP_MS
		stand(rest, now_ms)
	if _is_known():
		return null
	_said = _now
	_said_ms = _now_ms
	_right_ms = _now_ms
	_free_ms = now_ms + send_ms
	return _said


## Says it again, and nothing before [param free_ms]: the lobby does not know what it was told.
func forget(free_ms := -INF) -> void:
	_said = null
	_free_ms = maxf(_free_ms, free_ms)


## The same, unless the lobby knows you at [param position], which is what it was told.
func forget_unless(position: Vector2) -> void:
	if _said != null and not _said.position.is_equal_approx(position):
		forget()


func _is_known() -> bool:
	if _said == null:
		return false
	if _said.rests() != _now.rests():
		return _said.rests() and _now_ms == _right_ms
	if _now.rests():
		var is_told := _said.position == _now.position and is_equal_approx(_said.heading, _now.heading)
		return is_told or (_now_ms == _right_ms and _now_ms - _moved_ms < REST_MS)
	return _now_ms - _right_ms < PATIENCE_MS and _now_ms - _said_ms < LONGEST_MS


## Whether the others, who go straight on, are near enough.
func _is_expected() -> bool:
	var off := _said.straight((_now_ms - _said_ms) / 1000.0).distance_to(_now.position)
	var turned := absf(angle_difference(_said.heading, _now.heading))
	return off < maxf(SURPRISE_UNITS, SURPRISE_S * _now.velocity.length()) and turned < SURPRISE_RADIANS
