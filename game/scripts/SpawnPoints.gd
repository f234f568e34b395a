class_name SpawnPoints
extends RefCounted
## Selects where a ship appears.


## Returns the index of the one of [param places] that is farthest from all of [param taken]. The first one wins a tie.
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
