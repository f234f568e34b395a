extends SceneTree
## One of two games in a real lobby; see run.py. One walks along a path and prints its position at each step. The other prints
## where it draws the first in each frame. Both use the wall clock.
##   ... --script live.gd -- walk|watch URL SECONDS

const Walker := preload("../../tests/godot/walker.gd")

var _client := LobbyClient.new()
var _node := Node2D.new()
var _path: Walker
var _step := 0
var _seen: Array = []


func _initialize() -> void:
	_run.call_deferred()


func _run() -> void:
	var words := OS.get_cmdline_user_args()
	_client.settings.url = words[1]
	_client.settings.player = words[0]
	root.add_child(_client)
	root.add_child(_node)
	_client.join()
	if words[0] == "walk":
		_path = Walker.new(3, words[2].to_float() + 5.0)
		_client.track(_node)
	await create_timer(words[2].to_float()).timeout
	print("ROW ", JSON.stringify({"seen": _seen, "messages": _client._seq}))
	_client.leave()
	quit()


func _physics_process(_delta: float) -> bool:
	if _path != null:
		_node.position = _path.positions[_step].position
		_step += 1
		_seen.append([Time.get_unix_time_from_system(), _node.position.x, _node.position.y])
	return false


func _process(_delta: float) -> bool:
	if _path == null and _client.players.has("walk"):
		var drawn := _client.players["walk"].drawn()
		if drawn != null and not is_nan(drawn.late_ms):
			_seen.append([Time.get_unix_time_from_system(), drawn.position.x, drawn.position.y, drawn.late_ms])
	return false
