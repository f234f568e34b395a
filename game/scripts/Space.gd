class_name Space
extends Node3D
## What is around a zone: stars, a planet, the sun, and how light looks. Where it has to be drawn without a graphics card, what
## costs most is left out, unless the command line says [code]--fine[/code].

const SOFTWARE: Array[String] = ["llvmpipe", "softpipe", "swiftshader", "basic render"]

@onready var _environment: WorldEnvironment = $Environment


func _ready() -> void:
	if not Arguments.of_this_game().fine and is_drawn_in_software():
		_environment.environment.glow_enabled = false
		get_viewport().msaa_3d = Viewport.MSAA_DISABLED


## Whether there is no graphics card.
static func is_drawn_in_software() -> bool:
	var adapter := RenderingServer.get_video_adapter_name().to_lower()
	return SOFTWARE.any(func(word: String) -> bool: return adapter.contains(word))
