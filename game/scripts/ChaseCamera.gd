class_name ChaseCamera
extends Camera3D
## Follows a ship smoothly from behind and above.

const BEHIND := 12.5
const ABOVE := 6.2
const AHEAD := 9.0
## At full speed it falls back by this distance, in units.
const FALLS_BACK := 2.5
const PLACE_S := 0.16
const TURN_S := 0.32

## The ship that it follows.
@export var ship: PlayerShip3D
## Radius of the circle that it does not leave, because of the walls.
var reach := INF

var _heading := NAN
var _behind := BEHIND


func _process(delta: float) -> void:
	if ship == null:
		return
	var at := ship.get_global_transform_interpolated()
	var heading := atan2(-at.basis.z.z, -at.basis.z.x)
	if is_nan(_heading):
		_heading = heading
	_heading = lerp_angle(_heading, heading, 1.0 - exp(-delta / TURN_S))
	var speed_share := ship.flight.velocity.length() / ShipFlight.TOP_SPEED
	_behind = lerpf(_behind, BEHIND + FALLS_BACK * speed_share, 1.0 - exp(-delta / PLACE_S))
	var ahead := Vector3(cos(_heading), 0.0, sin(_heading))
	var place := at.origin - ahead * _behind
	var flat := Vector2(place.x, place.z).limit_length(reach)
	look_at_from_position(Vector3(flat.x, at.origin.y + ABOVE, flat.y), at.origin + ahead * AHEAD + Vector3(0.0, 2.4, 0.0))


## Moves behind the ship at once.
func snap() -> void:
	_heading = NAN
