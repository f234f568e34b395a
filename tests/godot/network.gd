extends RefCounted
## The positions that a client sends along a path, and how they arrive over a network with jitter.

const SendPolicy := preload("res://addons/lobby_presence/internal/send_policy.gd")
const Constants := preload("res://addons/lobby_presence/internal/constants.gd")
const Walker := preload("walker.gd")


## A position that was sent.
class Sent:
	extends RefCounted
	var position: LobbyPosition
	var sent_ms: float
	var arrival_ms: float

	func _init(with_position: LobbyPosition, at_ms: float) -> void:
		position = with_position
		sent_ms = at_ms
		arrival_ms = at_ms


## Positions at a fixed interval, and one at rest.
static func fixed(path: Walker, interval_ms := 200.0, clock_ms := 0) -> Array[Sent]:
	var positions: Array[Sent] = []
	var rested := false
	var ms := 0.0
	while ms < path.until_ms():
		var position := _as_sent(path.at(ms), clock_ms + roundi(ms))
		if not (rested and position.is_at_rest()):
			positions.append(Sent.new(position, ms))
		rested = position.is_at_rest()
		ms += interval_ms
	return positions


## Positions that a send policy finds due.
static func by_policy(path: Walker, policy := SendPolicy.new(), clock_ms := 0) -> Array[Sent]:
	var positions: Array[Sent] = []
	var ms := 0.0
	while ms < path.until_ms():
		policy.update(_as_sent(path.at(ms), clock_ms + roundi(ms)), ms)
		var position := policy.due(ms)
		if position != null:
			positions.append(Sent.new(position, ms))
		ms += Walker.FRAME_MS
	return positions


## Delays each position by up to [param jitter_ms], and a share of [param late] much longer. The order stays.
static func deliver(
	positions: Array[Sent], chance: RandomNumberGenerator, jitter_ms := 50.0, late := 0.02, late_ms := 200.0
) -> Array[Sent]:
	var last_ms := 0.0
	for sent in positions:
		var delay_ms := jitter_ms * chance.randf()
		if chance.randf() < late:
			delay_ms += late_ms * chance.randf_range(0.5, 1.5)
		last_ms = maxf(last_ms, sent.arrival_ms + delay_ms)
		sent.arrival_ms = last_ms
	return positions


static func _as_sent(position: LobbyPosition, ms: int) -> LobbyPosition:
	position.position = position.position.snappedf(0.01)
	position.velocity = position.velocity.snappedf(0.01)
	position.t = ms % Constants.CLOCK_MODULUS_MS
	return position
