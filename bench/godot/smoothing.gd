extends SceneTree
## How exactly players are drawn, and how many messages that takes; see run.py. Prints one line of JSON for each row.

const SendPolicy := preload("res://addons/lobby_presence/internal/send_policy.gd")
const Walker := preload("../../tests/godot/walker.gd")
const Network := preload("../../tests/godot/network.gd")
const Drawers := preload("drawers.gd")
const PATHS := 40
const SECONDS := 120.0
## The shortest delay of the network is known only after some messages.
const SETTLED_MS := 10_000.0
## The part of a path that the picture shows.
const SHOWN := 3
const SHOWN_FROM_MS := 30_000.0
const SHOWN_UNTIL_MS := 40_000.0

var _senders: Dictionary[String, Callable] = {
	"5 a second": func(path: Walker) -> Array[Network.Sent]: return Network.fixed(path),
	"10 a second": func(path: Walker) -> Array[Network.Sent]: return Network.fixed(path, 100.0),
	"4 a second": func(path: Walker) -> Array[Network.Sent]: return Network.fixed(path, 250.0),
	"3 a second": func(path: Walker) -> Array[Network.Sent]: return Network.fixed(path, 333.0),
	"a bend begins": func(path: Walker) -> Array[Network.Sent]: return Network.by_policy(path, EagerSendPolicy.new()),
	"a bend has shown": func(path: Walker) -> Array[Network.Sent]: return Network.by_policy(path),
}
var _drawers: Dictionary[String, GDScript] = {"curve": Drawers.Smooth, "lines": Drawers.Linear, "easing": Drawers.Easing}


func _initialize() -> void:
	for drawer in _drawers:
		_measure("5 a second", drawer)
	for sender in _senders:
		if sender != "5 a second":
			_measure(sender, "curve")
	_show()
	quit()


func _measure(sender: String, drawer: String) -> void:
	var score := Score.new()
	for number in PATHS:
		var path := Walker.new(number, SECONDS)
		var positions: Array[Network.Sent] = _senders[sender].call(path)
		score.messages += positions.size()
		score.moving_s += path.positions.filter(func(move: LobbyPosition) -> bool: return not move.is_at_rest()).size() / 60.0
		_play(path, _delivered(positions, number), _drawers[drawer], score.see)
	print("ROW ", JSON.stringify({"sent": sender, "drawn": drawer}.merged(score.summary())))


## A part of one path for the picture, by frame: the player's own time, drawn speed, own speed, error.
func _show() -> void:
	for drawer in _drawers:
		var seen: Array = []
		var path := Walker.new(SHOWN, SECONDS)
		var add := func(now_ms: float, place: Vector2, own: LobbyPosition, late_ms: float, speed: float) -> void:
			if now_ms > SHOWN_FROM_MS and now_ms < SHOWN_UNTIL_MS:
				var error := place.distance_to(own.position)
				var row := [now_ms - late_ms, speed, own.velocity.length(), error]
				seen.append(row.map(func(value: float) -> float: return snappedf(value, 0.001)))
		_play(path, _delivered(Network.fixed(path), SHOWN), _drawers[drawer], add)
		print("SHOW ", JSON.stringify({"drawn": drawer, "frames": seen}))


func _delivered(positions: Array[Network.Sent], number: int) -> Array[Network.Sent]:
	var chance := RandomNumberGenerator.new()
	chance.seed = number
	return Network.deliver(positions, chance)


## Draws a path as it arrives. Calls [param see] for each frame with time, drawn position, own position, delay, speed.
func _play(path: Walker, positions: Array[Network.Sent], kind: GDScript, see: Callable) -> void:
	var drawer: Drawers.Drawer = kind.new()
	var before := Vector2(NAN, NAN)
	var next := 0
	var now_ms := 0.0
	while now_ms < path.until_ms():
		while next < positions.size() and positions[next].arrival_ms <= now_ms:
			drawer.receive(positions[next])
			next += 1
		var place := drawer.draw(now_ms)
		if now_ms > SETTLED_MS and not is_nan(drawer.late_ms):
			var speed := place.distance_to(before) / Drawers.FRAME_MS * 1000.0
			see.call(now_ms, place, path.at(now_ms - drawer.late_ms), drawer.late_ms, speed)
		before = place
		now_ms += Drawers.FRAME_MS


## The results of all paths.
class Score:
	extends RefCounted
	## At a lower speed a share of the speed is not meaningful.
	const SLOW := 5.0

	var messages := 0
	var moving_s := 0.0
	var _errors: PackedFloat64Array = []
	var _late: PackedFloat64Array = []
	var _ripples: PackedFloat64Array = []

	func see(_now_ms: float, place: Vector2, own: LobbyPosition, late_ms: float, speed: float) -> void:
		_errors.append(place.distance_to(own.position))
		_late.append(late_ms)
		if own.velocity.length() > SLOW:
			_ripples.append((speed / own.velocity.length() - 1.0) ** 2)

	func summary() -> Dictionary:
		_errors.sort()
		_late.sort()
		return {
			"mean": _mean(_errors),
			"p99": _errors[int(_errors.size() * 0.99)],
			"late_ms": _late[int(_late.size() * 0.5)],
			"ripple": sqrt(_mean(_ripples)),
			"per_s": messages / moving_s,
		}

	func _mean(values: PackedFloat64Array) -> float:
		var sum := 0.0
		for value in values:
			sum += value
		return sum / values.size()


## Sends as soon as the straight-line prediction is wrong by a tenth of a unit: usual dead reckoning, as the bots do.
class EagerSendPolicy:
	extends SendPolicy
	var _last: LobbyPosition
	var _last_ms := -INF
	var _here: LobbyPosition
	var _here_ms := 0.0

	func update(position: LobbyPosition, now_ms: float) -> void:
		_here = position
		_here_ms = now_ms

	func due(now_ms: float) -> LobbyPosition:
		var since_ms := now_ms - _last_ms
		if since_ms < send_ms:
			return null
		if _last != null and _here.is_at_rest() and _last.is_at_rest() and _here.position == _last.position:
			return null
		if _last != null and not _here.is_at_rest() and since_ms < LONGEST_MS:
			if _last.predicted(since_ms / 1000.0).distance_to(_here.position) < 0.1:
				return null
		_last = _here
		_last_ms = now_ms
		return _here
