class_name SpawnPoints
extends RefCounted
## Where a ship appears. Pure.


## Which of [param places] is farthest from everybody in [param taken]; the first where it makes no difference.
static func roomiest(places: PackedVector2Array, taken: PackedVector2Array) -> int:
	var best := 0
	var best_room := -1.0
	for i in places.size():
		var room := INF
		for other in taken:
			room = minf(room, places[i].distance_to(other))
		if room > best_room:
			best = i
			best_room = room
	return best
