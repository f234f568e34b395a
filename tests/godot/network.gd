extends RefCounted
## What is said of a path, and how it arrives over a network that is none of the best.

const SendPolicy := preload("res://addons/lobby_presence/internal/send_policy.gd")
const Constants := preload("res://addons/lobby_presence/internal/constants.gd")
const Walker := preload("walker.gd")


## One position on its way.
class Letter:
	extends RefCounted
	var move: LobbyPosition
	var sent_ms: float
	var arrival_ms: float

	func _init(what: LobbyPosition, at_ms: float) -> void:
		move = what
		sent_ms = at_ms
		arrival_ms = at_ms


## Said in a fixed rhythm, and once at rest.
static func fixed(path: Walker, interval_ms := 200.0, clock_ms := 0) -> Array[Letter]:
	var letters: Array[Letter] = []
	var rested := false
	var ms := 0.0
	while ms < path.until_ms():
		var move := _as_sent(path.at(ms), clock_ms + roundi(ms))
		if not (rested and move.is_at_rest()):
			letters.append(Letter.new(move, ms))
		rested = move.is_at_rest()
		ms += interval_ms
	return letters


## Said when a pilot finds it worth a message.
static func piloted(path: Walker, policy := SendPolicy.new(), clock_ms := 0) -> Array[Letter]:
	var letters: Array[Letter] = []
	var ms := 0.0
	while ms < path.until_ms():
		policy.update(_as_sent(path.at(ms), clock_ms + roundi(ms)), ms)
		var move := policy.due(ms)
		if move != null:
			letters.append(Letter.new(move, ms))
		ms += Walker.FRAME_MS
	return letters


## Lets letters travel: up to [param jitter_ms] each, a share of [param late] much longer. A stream never overtakes itself.
static func deliver(
	letters: Array[Letter], chance: RandomNumberGenerator, jitter_ms := 50.0, late := 0.02, late_ms := 200.0
) -> Array[Letter]:
	var last_ms := 0.0
	for letter in letters:
		var delay_ms := jitter_ms * chance.randf()
		if chance.randf() < late:
			delay_ms += late_ms * chance.randf_range(0.5, 1.5)
		last_ms = maxf(last_ms, letter.arrival_ms + delay_ms)
		letter.arrival_ms = last_ms
	return letters


static func _as_sent(move: LobbyPosition, ms: int) -> LobbyPosition:
	move.position = move.position.snappedf(0.01)
	move.velocity = move.velocity.snappedf(0.01)
	move.t = ms % Constants.CLOCK_MODULUS_MS
	return move
