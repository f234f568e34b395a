class_name Space
extends Node3D
## The surroundings of a zone: stars, a planet, the sun, and the light.

const SOFTWARE: Array[String] = ["llvmpipe", "softpipe", "swiftshader", "basic render"]

@onready var _environment: WorldEnvironment = $Environment


func _ready() -> void:
	draw_finely(not is_drawn_in_software())


## Turns glow and antialiasing on, or off where there is no graphics card.
func draw_finely(is_fine: bool) -> void:
	_environment.environment.glow_enabled = is_fine
	get_viewport().msaa_3d = Viewport.MSAA_4X if is_fine else Viewport.MSAA_DISABLED


## Whether there is no graphics card.
static func is_drawn_in_software() -> bool:
	var adapter := RenderingServer.get_video_adapter_name().to_lower()
	return SOFTWARE.any(func(word: String) -> bool: return adapter.contains(word))
