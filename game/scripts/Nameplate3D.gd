class_name Nameplate3D
extends Node3D
## Name and status over a ship. They shrink less with distance than the ship, so that they can be read from afar, and they fade
## out before they are too small. Very close to the camera they fade out too.

## At this distance and below, in units, the name is hidden. It fades in up to twice this distance.
const CLOSE := 6.0
## At this distance a name has its normal size. Nearer or farther it is scaled to look equally large, within these bounds.
const NEAR := 22.0
const LEAST := CLOSE / NEAR
const GROWS := 2.2
## Beyond this distance the name is hidden. It fades out before.
const FAR := 85.0
const FADES := 30.0
## A name that a nearer one covers fades out, and later in, within this time, in s.
const COMES_S := 0.25

## Whether no nearer name covers this one.
var is_free := true
## Opacity of the ship, from 0 to 1.
var presence := 0.0

var _shown := 0.0

@onready var _name: Label3D = $Name
@onready var _status: Label3D = $Status


func _process(delta: float) -> void:
	var camera := get_viewport().get_camera_3d()
	if camera == null:
		return
	var far := camera.global_position.distance_to(global_position)
	scale = Vector3.ONE * clampf(far / NEAR, LEAST, GROWS)
	_shown = move_toward(_shown, 1.0 if is_free else 0.0, delta / COMES_S)
	var clear := clearness(far) * presence * _shown
	visible = clear > 0.0
	for label: Label3D in [_name, _status]:
		label.modulate.a = clear
		label.outline_modulate.a = clear


## Sets name, status and colour.
func write(player_name: String, status: String, colour: Color) -> void:
	_name.text = player_name
	_name.modulate = Color(Color.WHITE.lerp(colour, 0.25), _name.modulate.a)
	_name.position.y = 0.95 if status else 0.35
	_status.text = "◆ " + status if status else ""


## Returns the area on the screen of [param camera]; empty if the name is behind it or too far away.
func area_on(camera: Camera3D) -> Rect2:
	var far := camera.global_position.distance_to(global_position)
	if presence == 0.0 or clearness(far) == 0.0 or camera.is_position_behind(global_position):
		return Rect2()
	var units_high := 2.0 * far * tan(deg_to_rad(camera.fov) / 2.0)
	var pixels := scale.x * camera.get_viewport().get_visible_rect().size.y / units_high
	var text := ThemeDB.fallback_font.get_string_size(_name.text, HORIZONTAL_ALIGNMENT_LEFT, -1, _name.font_size)
	var size := Vector2(text.x * _name.pixel_size, 2.0 if _status.text else 1.0) * pixels
	return Rect2(camera.unproject_position(global_position) - Vector2(0.5, 0.7) * size, size)


## Returns the opacity of a name at the distance [param far] from the camera, from 0 to 1.
static func clearness(far: float) -> float:
	return clampf(minf((FAR - far) / FADES, (far - CLOSE) / CLOSE), 0.0, 1.0)


## Returns for each of [param areas], nearest first, whether it overlaps no earlier area that is shown.
static func free_of_others(areas: Array[Rect2]) -> Array[bool]:
	var free: Array[bool] = []
	for i in areas.size():
		var is_covered := range(i).any(func(k: int) -> bool: return free[k] and areas[k].intersects(areas[i]))
		free.append(not is_covered)
	return free
