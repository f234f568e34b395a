class_name Game
extends Node3D
## The game: the current zone, the passage to the next one, and the user interface.

const ZONES: Dictionary[StringName, String] = {
	&"main": "res://scenes/zones/ZoneMain3D.tscn",
	&"lobby": "res://scenes/zones/LobbyZone3D.tscn",
}
## In the dark the game waits so long for the players of the new room, so that the ship appears where there is room.
const WELCOME_S := 0.25
## A slow frame counts as this long in a passage.
const LONGEST_FRAME_S := 0.05

## The current zone. Null in the dark.
var zone: Zone3D
## Duration of the last passage, in ms, from the portal until the new zone was light.
var passage_ms := 0.0

var _arguments := Arguments.of_this_game()
var _passage := ZonePassage.new()
var _scenes: Dictionary[StringName, PackedScene] = {}
var _next: Zone3D
var _from: StringName
var _started_ms := 0.0

@onready var _ui: ZoneUIManager = $UI
@onready var _sounds: Soundscape = $Sounds
@onready var _iris: ColorRect = $Fade/Iris


func _ready() -> void:
	for path: String in ZONES.values():
		ResourceLoader.load_threaded_request(path)
	_ui.hint_taken.connect(_on_hint_taken)
	_ui.leave_requested.connect(_on_leave_requested)
	_ui.room_chosen.connect(_on_room_chosen)
	go(StringName(_arguments.zone) if ZONES.has(StringName(_arguments.zone)) else &"main", true)


func _process(delta: float) -> void:
	match _passage.advance(minf(delta, LONGEST_FRAME_S), _is_ready()):
		ZonePassage.Step.LEAVE:
			_leave()
		ZonePassage.Step.ARRIVE:
			_arrive()
		ZonePassage.Step.END:
			passage_ms = LobbyClient.now_ms() - _started_ms
	var material: ShaderMaterial = _iris.material
	material.set_shader_parameter(&"darkness", _passage.darkness)
	material.set_shader_parameter(&"size", _iris.size)
	_iris.visible = _passage.is_on


## Goes to another zone. If there is no zone of that name, the game ends.
func go(to: StringName, from_dark := false) -> void:
	if not ZONES.has(to):
		get_tree().quit()
	elif _passage.begin(to, from_dark):
		_started_ms = LobbyClient.now_ms()
		if not from_dark:
			_sounds.play(&"passage")


## It is dark: removes the zone and makes the next one, without showing it.
func _leave() -> void:
	_from = StringName(zone.name) if zone != null else &""
	if zone != null:
		zone.free()
		zone = null
	if not _scenes.has(_passage.goal):
		_scenes[_passage.goal] = ResourceLoader.load_threaded_get(ZONES[_passage.goal])
	_next = _scenes[_passage.goal].instantiate() as Zone3D
	_next.name = _passage.goal
	LobbyController.enter(_next.room)


func _is_ready() -> bool:
	return LobbyController.is_joined() or NetworkManager.is_offline or _passage.dark_s > WELCOME_S


func _arrive() -> void:
	zone = _next
	zone.left.connect(go)
	zone.hint_changed.connect(_ui.hint)
	zone.trading_started.connect(_ui.open_trading)
	zone.rooms_requested.connect(_ui.open_rooms)
	add_child(zone)
	move_child(zone, 0)
	if _arguments.autopilot:
		zone.ship.autopilot = Autopilot.new(randi())
	_sounds.ship = zone.ship
	zone.arrive(_from)
	_ui.show_zone(zone)


func _on_hint_taken() -> void:
	if zone != null:
		zone.use()


func _on_leave_requested() -> void:
	if zone != null:
		go(zone.way_out)


func _on_room_chosen(room: String) -> void:
	LobbyController.choose_room(room)
	go(&"lobby")
