class_name Zone3D
extends Node3D
## A zone in which the player flies: it has places to appear, other ships, a radius, and a way out.

## The player goes to another zone. Empty: the game ends.
signal left(to: StringName)
## The hint changed: what the player can do here. Empty: nothing.
@warning_ignore("unused_signal")
signal hint_changed(text: String)
## The player starts to trade. Call [param on_close] when the trading screen is closed.
@warning_ignore("unused_signal")
signal trading_started(on_close: Callable)

## The player wants to choose the room of the lobby. Call [param on_close] when the list is closed.
@warning_ignore("unused_signal")
signal rooms_requested(on_close: Callable)

## Title of the zone.
@export var title := ""
## Subtitle of the zone.
@export var subtitle := ""
## Name of its room. Empty for the lobby zone. See [code]LobbyController.enter()[/code].
@export var room := ""
## Radius of the zone, in units.
@export var radius := 80.0
## The zone to which Escape leads.
@export var way_out: StringName
## Range of the radar, in units.
@export var radar_reach := 60.0

@onready var ship: PlayerShip3D = $PlayerShip
@onready var others: OtherShips = $Others
@onready var camera: ChaseCamera = $Camera
@onready var _spawns: Node3D = $Spawns


func _ready() -> void:
	var bounds := ZoneBounds.new(radius)
	ship.flight.bounds = bounds
	others.bounds = bounds
	others.own_ship = ship


func _unhandled_input(event: InputEvent) -> void:
	if event.is_action_pressed(&"use"):
		use()
	elif event.is_action_pressed(&"wave"):
		ship.wave()
	elif event.is_action_pressed(&"repaint"):
		ship.repaint()
	elif event.is_action_pressed(&"ui_cancel"):
		get_viewport().set_input_as_handled()
		left.emit(way_out)


## The player arrives from the zone [param from].
func arrive(_from: StringName) -> void:
	var markers := _spawns.get_children()
	var places := PackedVector2Array()
	for marker: Node3D in markers:
		places.append(Vector2(marker.global_position.x, marker.global_position.z))
	var best := SpawnPoints.roomiest(places, others.places())
	var ahead := -(markers[best] as Node3D).global_basis.z
	ship.appear(places[best], Vector2(ahead.x, ahead.z).angle())
	camera.snap()


## Returns the available controls, in one line.
func help() -> String:
	return "W A S D, arrows, or hold the mouse: fly     V: wave     C: colour"


## Returns the points that the radar shows besides ships.
func landmarks() -> PackedVector2Array:
	return []


## Performs the action of the hint.
func use() -> void:
	pass
