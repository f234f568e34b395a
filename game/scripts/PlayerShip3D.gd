class_name PlayerShip3D
extends Node3D
## The local ship. It is controlled by keys, a pointer or the autopilot. Its state is sent to the lobby.

## Whether the ship ignores the controls.
var is_parked := false
## Controls the ship, if it is set.
var autopilot: Autopilot
var flight := ShipFlight.new()

var _helm := Helm.new()

@onready var model: ShipModel3D = $Ship


func _ready() -> void:
	model.tint = LobbyController.colour()
	LobbyController.corrected.connect(_on_corrected)


func _physics_process(delta: float) -> void:
	_steer(delta)
	flight.step(_helm, delta)
	_show(delta)
	LobbyController.send_state(flight.position, flight.velocity, flight.heading)


## Places the ship at [param at] with [param heading], and fades it in.
func appear(at: Vector2, heading: float) -> void:
	flight.place(at, heading)
	_show(0.0)
	reset_physics_interpolation()
	model.presence = 0.0
	create_tween().tween_property(model, ^"presence", 1.0, 0.7)


## Paints the ship in the next colour.
func repaint() -> void:
	LobbyController.choose_next_colour()
	model.tint = LobbyController.colour()


## Waves to the other players: the ship rocks.
func wave() -> void:
	LobbyController.wave()
	model.wave()


func _steer(seconds: float) -> void:
	_helm.rest()
	if is_parked:
		return
	if autopilot != null:
		autopilot.steer(_helm, flight, seconds)
		return
	_helm.turn = Input.get_axis(&"fly_left", &"fly_right")
	_helm.thrust = Input.get_axis(&"fly_back", &"fly_ahead")
	if Input.is_mouse_button_pressed(MOUSE_BUTTON_LEFT) and _helm.turn == 0.0 and _helm.thrust == 0.0:
		_follow_pointer()


## Flies to where the pointer, or a finger, touches the plane of flight.
func _follow_pointer() -> void:
	var camera := get_viewport().get_camera_3d()
	var pointer := get_viewport().get_mouse_position()
	var plane := Plane(Vector3.UP, global_position.y)
	var hit: Variant = plane.intersects_ray(camera.project_ray_origin(pointer), camera.project_ray_normal(pointer))
	if hit is Vector3:
		var at: Vector3 = hit
		_helm.fly_to(Vector2(at.x, at.z), flight.position, flight.heading)


func _show(seconds: float) -> void:
	global_position = Vector3(flight.position.x, global_position.y, flight.position.y)
	global_rotation.y = -flight.heading - PI / 2.0
	model.show_flight(flight.velocity.length() / ShipFlight.TOP_SPEED, flight.turn, seconds)


func _on_corrected(at: Vector2) -> void:
	flight.place(at, flight.heading)
	reset_physics_interpolation()
