class_name RoomsScreen
extends Control
## The list of the lobby's rooms: each is a station of its own. The player chooses the one that the portal leads to.

## The player chose a room.
signal chosen(room: String)

## The list is read again so often while it is open, in s.
const REFRESH_S := 2.0
const EMPTY := 'No other station has players. The portal leads to "%s".'

var _on_close := Callable()
var _rooms: PackedStringArray = []

@onready var _list: ItemList = %Rooms
@onready var _note: Label = %Note
@onready var _refresh: Timer = %Refresh


func _ready() -> void:
	visible = false
	LobbyController.rooms_listed.connect(_show)
	LobbyController.rooms_failed.connect(_on_failed)
	_list.item_activated.connect(_choose)
	_refresh.timeout.connect(LobbyController.rooms)
	(%Close as Button).pressed.connect(close)


func _input(event: InputEvent) -> void:
	if visible and (event.is_action_pressed(&"ui_cancel") or event.is_action_pressed(&"use")):
		get_viewport().set_input_as_handled()
		close()


## Opens the list, and asks the lobby for its rooms. [param on_close] is called when it is closed.
func open(on_close: Callable) -> void:
	_on_close = on_close
	visible = true
	modulate.a = 0.0
	create_tween().tween_property(self, ^"modulate:a", 1.0, 0.2)
	_note.text = "Asking the lobby ..."
	_fill([{"name": LobbyController.room(), "players": -1, "size": 0}])
	_list.grab_focus()
	LobbyController.rooms()
	_refresh.start(REFRESH_S)


## Closes the list.
func close() -> void:
	if visible:
		visible = false
		_refresh.stop()
		_on_close.call()


func _choose(index: int) -> void:
	var room := _rooms[index]
	close()
	chosen.emit(room)


func _show(rooms: Array[Dictionary], _next: String) -> void:
	if not visible:
		return
	var stations: Array[Dictionary] = []
	stations.assign(rooms.filter(func(room: Dictionary) -> bool: return LobbyController.is_station(str(room["name"]))))
	_note.text = "" if stations else EMPTY % LobbyController.room()
	if not stations.any(func(room: Dictionary) -> bool: return room["name"] == LobbyController.room()):
		stations.push_front({"name": LobbyController.room(), "players": 0, "size": 0})
	_fill(stations)


func _on_failed(message: String) -> void:
	_note.text = "This lobby does not list its rooms."
	_refresh.stop()
	print("[LobbyController] no list of rooms: ", message)


## Fills the list. The player stays at the room that it has marked.
func _fill(rooms: Array[Dictionary]) -> void:
	var marked := LobbyController.room()
	for index in _list.get_selected_items():
		marked = _rooms[index]
	_list.clear()
	_rooms.clear()
	for room in rooms:
		var named: String = room["name"]
		var players: int = room["players"]
		var most: int = room["size"]
		var count := (
			"" if players < 0 else "    %d players" % players if most == 0 else "    %d of %d players" % [players, most]
		)
		_rooms.append(named)
		_list.add_item(named + count)
	_list.select(maxi(0, _rooms.find(marked)))
