extends RefCounted
## Ways to draw a remote player from the positions that arrive.

const Track := preload("res://addons/lobby_presence/internal/track.gd")
const Network := preload("../../tests/godot/network.gd")
const FRAME_MS := 1000.0 / 60.0


class Drawer:
	extends RefCounted
	## How far in the past the drawn position is, in ms. NAN at rest.
	var late_ms := NAN

	func receive(_sent: Network.Sent) -> void:
		pass

	## Returns where the player is drawn; NAN if no position is known.
	func draw(_now_ms: float) -> Vector2:
		return Vector2(NAN, NAN)


## As the addon: a curve through positions and velocities, with a delay that is measured.
class Smooth:
	extends Drawer
	var _track := Track.new()

	func receive(sent: Network.Sent) -> void:
		_track.add(sent.position, 0.0, sent.arrival_ms)

	func draw(now_ms: float) -> Vector2:
		var drawn := _track.at(now_ms)
		if drawn == null:
			return Vector2(NAN, NAN)
		late_ms = drawn.late_ms
		return drawn.position


## Straight lines between positions, on the sender's clock, with the same delay as the curve.
class Linear:
	extends Drawer
	const LATE_MS := 436.0
	const INTERVAL_MS := 200.0

	var _letters: Array[Network.Sent] = []

	func receive(sent: Network.Sent) -> void:
		_letters.append(sent)

	func draw(now_ms: float) -> Vector2:
		var at_ms := now_ms - LATE_MS
		while _letters.size() > 2 and _letters[1].sent_ms <= at_ms:
			_letters.pop_front()
		if _letters.is_empty():
			return Vector2(NAN, NAN)
		var a := _letters[0]
		var b := _letters[mini(1, _letters.size() - 1)]
		late_ms = NAN if at_ms >= b.sent_ms and b.position.is_at_rest() else LATE_MS
		var from_ms := maxf(a.sent_ms, b.sent_ms - 2.0 * INTERVAL_MS)  # it was at rest before
		if at_ms >= b.sent_ms or b == a:
			return b.position.position
		return a.position.position.lerp(b.position.position, clampf((at_ms - from_ms) / (b.sent_ms - from_ms), 0.0, 1.0))


## Moves towards the newest position, as in many tutorials: a tenth of the distance ten times a second.
class Easing:
	extends Drawer
	const PER_S := 10.0
	## The constant delay with the smallest error.
	const LATE_MS := 215.0

	var _target := Vector2(NAN, NAN)
	var _here := Vector2(NAN, NAN)
	var _rests := true

	func receive(sent: Network.Sent) -> void:
		_target = sent.position.position
		_rests = sent.position.is_at_rest()
		if is_nan(_here.x):
			_here = _target

	func draw(_now_ms: float) -> Vector2:
		_here = _here.lerp(_target, 1.0 - exp(-PER_S * FRAME_MS / 1000.0))
		late_ms = NAN if _rests and _here.distance_to(_target) < 0.01 else LATE_MS
		return _here
