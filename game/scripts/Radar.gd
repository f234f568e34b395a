class_name Radar
extends Control
## Shows the zone from above. The local ship is in the middle and points upwards.

const RING := Color(0.36, 0.42, 0.85, 0.35)
const GROUND := Color(0.035, 0.028, 0.1, 0.7)
const LANDMARK := Color(1.0, 0.74, 0.4)
const OWN := Color(0.95, 0.97, 1.0)

## The zone that is shown.
var zone: Zone3D


func _process(_delta: float) -> void:
	queue_redraw()


func _draw() -> void:
	var middle := size / 2.0
	var reach := minf(middle.x, middle.y) - 2.0
	draw_circle(middle, reach, GROUND)
	draw_arc(middle, reach, 0.0, TAU, 64, RING, 1.5, true)
	draw_arc(middle, reach / 2.0, 0.0, TAU, 48, RING, 1.0, true)
	if not is_instance_valid(zone):
		return
	var scale_to := reach / zone.radar_reach
	var turned := -zone.ship.flight.heading - PI / 2.0
	for mark in zone.landmarks():
		var at := ((mark - zone.ship.flight.position).rotated(turned) * scale_to).limit_length(reach - 4.0)
		draw_arc(middle + at, 4.0, 0.0, TAU, 16, LANDMARK, 1.5, true)
	for ship: Node3D in zone.others.get_children():
		var place := Vector2(ship.global_position.x, ship.global_position.z) - zone.ship.flight.position
		var at := place.rotated(turned) * scale_to
		if at.length() < reach - 3.0:
			draw_circle(middle + at, 3.0, (ship as RemoteLobbyPlayer).colour(), true, -1.0, true)
	draw_colored_polygon(
		[middle + Vector2(0.0, -6.0), middle + Vector2(4.5, 5.0), middle + Vector2(0.0, 2.5), middle + Vector2(-4.5, 5.0)], OWN
	)
