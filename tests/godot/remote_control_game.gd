extends "remote_control.gd"
## The demo game, controlled by a test. Commands of remote_control.gd, and these:
##   {"look": true}          reports what the game shows; the answer is the event "view"
##   {"fly_to": [30, 40]}    sets the goal of the autopilot
##   {"press": "ui_down"}    presses and releases the key of an action
##   {"stations": true}         reports the lines and the note of the list of rooms; the answer is the event "stations"


func _begin() -> void:
	await super()
	change_scene_to_file(str(ProjectSettings.get_setting("application/run/main_scene")))


func _execute(command: Dictionary) -> void:
	super(command)
	var zone := _zone()
	if command.has("look"):
		_look(zone)
	if command.has("fly_to") and zone != null:
		var x: float = command.fly_to[0]
		var y: float = command.fly_to[1]
		zone.set_indexed(^"ship:autopilot:goal", Vector2(x, y))
	if command.has("press"):
		var action: String = command.press
		for is_pressed: bool in [true, false]:
			var event := InputEventAction.new()
			event.action = action
			event.pressed = is_pressed
			Input.parse_input_event(event)
	if command.has("stations"):
		_report_rooms()


func _report_rooms() -> void:
	var screen: Control = current_scene.get_node("UI/Screen/Stations")
	var list: ItemList = screen.get_node("Middle/Panel/Lines/Rooms")
	var lines: Array[String] = []
	for i in list.item_count:
		lines.append(list.get_item_text(i))
	var note: String = screen.get_node("Middle/Panel/Lines/Note").get(&"text")
	_report("stations", screen.visible, lines, note)


func _zone() -> Node:
	return current_scene.get(&"zone") if current_scene != null else null


func _look(zone: Node) -> void:
	if zone == null:
		_report("view", "", 0.0, 0.0, {}, "", 0.0)
		return
	var at: Vector2 = zone.get_indexed(^"ship:flight:position")
	var others: Dictionary[String, Array] = {}
	for ship: Node3D in zone.get_node("Others").get_children():
		var status: String = ship.get_node("Plate/Status").get(&"text")
		var place := ship.global_position
		var id: String = ship.get_indexed(^"player:id")
		var presence: float = ship.get_node("Ship").get(&"presence")
		var tint: Color = ship.get_node("Ship").get(&"tint")
		others[id] = [ship.get_instance_id(), place.x, place.z, status, presence, "#" + tint.to_html(false)]
	var connection: String = current_scene.get_node("UI/Screen/Players/List/Connection/State").get(&"text")
	_report("view", zone.name, at.x, at.y, others, connection, current_scene.get(&"passage_ms"))
