extends RefCounted
## Internal: which axes of a 3D scene are [code]x[/code], [code]y[/code] and the height [code]z[/code] of the lobby.

const DEFAULT := "xzy"

## Whether the height is sent and drawn.
var has_height := true

var _order: Array[Vector3.Axis] = []


## [param text] names the axes of the scene that are [code]x[/code], [code]y[/code] and [code]z[/code] of the lobby. Without the
## third one there is no height. A text that is not valid means [constant DEFAULT].
func _init(text := DEFAULT) -> void:
	if not is_valid(text):
		text = DEFAULT
	has_height = text.length() == 3
	for letter in text + ("" if has_height else "xyz"):
		var axis := "xyz".find(letter) as Vector3.Axis
		if axis not in _order:
			_order.append(axis)


## Whether [param text] has two or three different letters of x, y and z.
static func is_valid(text: String) -> bool:
	return RegEx.create_from_string("^([xyz])(?!\\1)([xyz])(?!\\1|\\2)[xyz]?\\z").search(text) != null


## Returns a point or a direction of the scene as [code]x[/code], [code]y[/code] and [code]z[/code] of the lobby.
func to_lobby(of_scene: Vector3) -> Vector3:
	return Vector3(of_scene[_order[0]], of_scene[_order[1]], of_scene[_order[2]])


## Does the reverse.
func to_scene(of_lobby: Vector3) -> Vector3:
	var found := Vector3.ZERO
	for i in 3:
		found[_order[i]] = of_lobby[i]
	return found


## Returns the rotation of a node that looks along -Z and is turned to [param heading], in radians, as Euler angles.
func rotation(heading: float) -> Vector3:
	var forward := to_scene(Vector3(cos(heading), sin(heading), 0.0))
	return Basis.looking_at(forward, to_scene(Vector3.BACK)).get_euler()
