extends RefCounted
## Internal: decides when the client sends a position. It reads no clock.
##
## Other clients predict a player along a straight line from its last position, and draw it some hundred ms late. A position
## is sent if that prediction has been wrong for [constant PATIENCE_MS], at least once every [constant LONGEST_MS] while the
## player moves, and once when it comes to rest. A bend that is sent a moment late, with its velocity, is still drawn in time,
## and fewer messages are needed.

const _LobbyConstants := preload("constants.gd")

## The prediction is wrong if it is off by more than this, in units.
const TOLERANCE_UNITS := 0.07
## The same bound for fast players, in seconds of their movement. The larger bound applies.
const TOLERANCE_S := 0.006
## The prediction is wrong if the heading is off by more than this, in radians.
const TOLERANCE_RADIANS := 0.35
## A prediction may be wrong for so long before a position is sent, in ms. Other clients draw the player later than that.
const PATIENCE_MS := 100.0
## Longest interval between positions while the player moves, in ms.
const LONGEST_MS := 1_000.0
## A player whose position did not change for so long is at rest, in ms.
const REST_MS := 250.0

## Shortest interval between two positions, in ms.
var send_ms := 100.0

var _current := LobbyPosition.new()
var _current_ms := NAN
var _moved_ms := 0.0
var _predicted_ms := 0.0  # the prediction was right then
var _sent: LobbyPosition
var _sent_ms := -INF
var _free_ms := -INF


## Sets the player's current position, at [param now_ms]. It may be called at any rate; [method due] decides what is sent.
func update(position: LobbyPosition, now_ms: float) -> void:
	position.position = position.position.snapped(Vector2(0.01, 0.01))
	position.velocity = position.velocity.snapped(Vector2(0.01, 0.01))
	position.z = snappedf(position.z, 0.01)
	position.vz = snappedf(position.vz, 0.01)
	if position.place() != _current.place() or position.heading != _current.heading:
		_moved_ms = now_ms
	_current = position
	_current_ms = now_ms
	if _sent != null and _is_predicted():
		_predicted_ms = now_ms


## Returns the position to send now, or null. A returned position counts as sent.
func due(now_ms: float) -> LobbyPosition:
	if is_nan(_current_ms) or now_ms < _free_ms:
		return null
	if not _current.is_at_rest() and now_ms - _current_ms > REST_MS:
		# The game has stopped calling update(): the player is at rest.
		var rest := LobbyPosition.new(_current.position, Vector2.ZERO, _current.heading, _current.z)
		rest.t = (_current.t + roundi(now_ms - _current_ms)) % _LobbyConstants.CLOCK_MODULUS_MS
		update(rest, now_ms)
	if _is_known():
		return null
	_sent = _current
	_sent_ms = _current_ms
	_predicted_ms = _current_ms
	_free_ms = now_ms + send_ms
	return _sent


## Sends the position again, but nothing before [param free_ms]: the lobby does not have the last position.
func forget(free_ms := -INF) -> void:
	_sent = null
	_free_ms = maxf(_free_ms, free_ms)


## Does the same, unless the lobby has the player at [param position], the position that was sent last.
func forget_unless(position: LobbyPosition) -> void:
	if _sent != null and not _sent.place().is_equal_approx(position.place()):
		forget()


func _is_known() -> bool:
	if _sent == null:
		return false
	if _sent.is_at_rest() != _current.is_at_rest():
		return _sent.is_at_rest() and _current_ms == _predicted_ms
	if _current.is_at_rest():
		var is_sent := _sent.place() == _current.place() and is_equal_approx(_sent.heading, _current.heading)
		return is_sent or (_current_ms == _predicted_ms and _current_ms - _moved_ms < REST_MS)
	return _current_ms - _predicted_ms < PATIENCE_MS and _current_ms - _sent_ms < LONGEST_MS


## Whether the straight line from the last position that was sent is close enough.
func _is_predicted() -> bool:
	var predicted := _sent.place() + _sent.flow() * ((_current_ms - _sent_ms) / 1000.0)
	var off := predicted.distance_to(_current.place())
	var turned := absf(angle_difference(_sent.heading, _current.heading))
	return off < maxf(TOLERANCE_UNITS, TOLERANCE_S * _current.flow().length()) and turned < TOLERANCE_RADIANS
