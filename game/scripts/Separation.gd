class_name Separation
extends RefCounted
## Keeps ships from being drawn inside each other. Two ships that are too close move apart by half the distance each.

## Ships do not touch if their middles are at least this far apart, in units.
const APART := 5.0


## Returns the offset of each of [param places]. [param fixed] does not move: ships close to it move the whole distance.
static func offsets(places: PackedVector2Array, fixed := Vector2(INF, INF), apart := APART) -> PackedVector2Array:
	var moved := PackedVector2Array()
	moved.resize(places.size())
	var order: Array = range(places.size())
	order.sort_custom(func(a: int, b: int) -> bool: return places[a].x < places[b].x)
	for i in order.size():
		var a: int = order[i]
		if fixed.is_finite():
			moved[a] += _push(places[a] - fixed, apart, a)
		for k in range(i + 1, order.size()):
			var b: int = order[k]
			if places[b].x - places[a].x >= apart:
				break  # no later ship in this order is nearer
			var push := _push(places[b] - places[a], apart, a) / 2.0
			moved[a] -= push
			moved[b] += push
	return moved


## Returns by how much [param way], between two ships, is too short. Ships at one position move in a direction by number.
static func _push(way: Vector2, apart: float, number: int) -> Vector2:
	var near := way.length()
	if near >= apart:
		return Vector2.ZERO
	var out := way / near if near > 0.001 else Vector2.from_angle(number * 2.399963)
	return out * (apart - near)
