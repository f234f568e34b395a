class_name OtherShips
extends LobbyPlayers3D
## The ships of the other players. The addon moves them. This script separates them from each other and from the local ship,
## keeps them within the zone, and hides names that overlap.

## Interval at which overlapping names are searched, in s.
const NAMES_S := 0.1

## The local ship. It is not moved.
var own_ship: PlayerShip3D
var bounds := ZoneBounds.new()

var _names_in_s := 0.0


func _ready() -> void:
	super()
	client.event_received.connect(_on_event_received)


func _process(delta: float) -> void:
	super(delta)
	_separate(delta)
	_names_in_s -= delta
	if _names_in_s <= 0.0:
		_names_in_s = NAMES_S
		_hide_overlapping_names()


## Returns the positions of all other players.
func places() -> PackedVector2Array:
	var found := PackedVector2Array()
	for player: LobbyPlayer in client.players.values():
		found.append(player.position)
	return found


func _separate(seconds: float) -> void:
	var kept := PackedVector2Array()
	var aside := PackedVector2Array()
	for ship: Node3D in get_children():
		var at := Vector2(ship.global_position.x, ship.global_position.z)
		kept.append(bounds.kept(at))
		aside.append(kept[-1] - at)
	var offsets := Separation.offsets(kept, own_ship.flight.position if own_ship != null else Vector2(INF, INF))
	for i in get_child_count():
		(get_child(i) as RemoteLobbyPlayer).make_room(aside[i] + offsets[i], seconds)


func _hide_overlapping_names() -> void:
	var camera := get_viewport().get_camera_3d()
	if camera == null:
		return
	var ships := get_children()
	var eye := camera.global_position
	ships.sort_custom(
		func(a: Node3D, b: Node3D) -> bool:
			return a.global_position.distance_squared_to(eye) < b.global_position.distance_squared_to(eye)
	)
	var areas: Array[Rect2] = []
	for ship: RemoteLobbyPlayer in ships:
		areas.append(ship.plate.area_on(camera))
	var free := Nameplate3D.free_of_others(areas)
	for i in ships.size():
		(ships[i] as RemoteLobbyPlayer).plate.is_free = free[i]


func _on_event_received(player_id: String, event: String, _data: Dictionary) -> void:
	var player: LobbyPlayer = client.players.get(player_id)
	if event == LobbyController.WAVE and player != null and node_of(player) != null:
		(node_of(player) as RemoteLobbyPlayer).wave()
