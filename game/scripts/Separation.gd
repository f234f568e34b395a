class_name Separation
extends RefCounted
## Keeps ships from being drawn inside each other: where they are too near, each makes half of the room. Pure.

## Ships whose middles are farther apart than this do not touch.
const APART := 5.0


## By how much each of [param places] is to be moved. [param fixed] stays where it is: the others make all of the room.
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
				break  # in this order nobody after it is nearer
			var push := _push(places[b] - places[a], apart, a) / 2.0
			moved[a] -= push
			moved[b] += push
	return moved


## How far [param way], between two ships, is too short. Those in the same place part in a direction of their own.
static func _push(way: Vector2, apart: float, number: int) -> Vector2:
	var near := way.length()
	if near >= apart:
		return Vector2.ZERO
	var out := way / near if near > 0.001 else Vector2.from_angle(number * 2.399963)
	return out * (apart - near)
