extends SceneTree
## What fifty remote players cost per frame; see run.py. Prints one line of JSON.

const Connection := preload("res://addons/lobby_presence/internal/connection.gd")
const Walker := preload("../../tests/godot/walker.gd")
const Network := preload("../../tests/godot/network.gd")
const FakeSocket := preload("../../tests/godot/fake_socket.gd")
const PLAYERS := 50
const SECONDS := 12.0
const WINDOW_MS := 60.0

var _socket := FakeSocket.new()
var _client := LobbyClient.new(Connection.new(func() -> FakeSocket: return _socket))
var _players := LobbyPlayers3D.new()


func _initialize() -> void:
	_run.call_deferred()


func _run() -> void:
	var windows := _windows()
	root.add_child(_client)
	_players.client = _client
	root.add_child(_players)
	_client.set_process(false)
	_players.set_process(false)
	_client.settings.player = "me"
	_client.join()
	_socket.accept()
	_socket.receive(_welcome())
	await process_frame
	var reading: PackedFloat64Array = []
	var drawing: PackedFloat64Array = []
	var begun_ms := LobbyClient.now_ms()
	while not windows.is_empty():
		await process_frame
		var now_ms := LobbyClient.now_ms() - begun_ms
		while not windows.is_empty() and windows.keys()[0] * WINDOW_MS <= now_ms:
			var first: int = windows.keys()[0]
			_socket.receive(windows[first])
			windows.erase(first)
		reading.append(_time(_client._process))
		drawing.append(_time(_players._process))
	var both: PackedFloat64Array = []
	for i in reading.size():
		both.append(reading[i] + drawing[i])
	print("ROW ", JSON.stringify({"reading": _summary(reading), "drawing": _summary(drawing), "both": _summary(both)}))
	quit()


## The messages of the lobby, by window: all positions of fifty players along their paths.
func _windows() -> Dictionary[int, String]:
	var entries: Dictionary[int, PackedStringArray] = {}
	for number in PLAYERS:
		var seq := 0
		for sent in Network.by_policy(Walker.new(number, SECONDS)):
			seq += 1
			var at := sent.position
			var row := [at.position.x, at.position.y, at.velocity.x, at.velocity.y, at.heading]
			var whole: Array = [number + 2] + row.map(func(value: float) -> int: return roundi(value * 100.0)) + [seq, at.t]
			var window := int(sent.sent_ms / WINDOW_MS)
			entries[window] = entries.get(window, PackedStringArray()) + PackedStringArray([JSON.stringify(whole)])
	var windows: Dictionary[int, String] = {}
	var numbers := entries.keys()
	numbers.sort()
	for window: int in numbers:
		windows[window] = '{"type":"moves","t":%d,"m":[%s]}' % [window * WINDOW_MS, ",".join(entries[window])]
	return windows


func _welcome() -> String:
	var players: PackedStringArray = []
	for number in PLAYERS:
		players.append('{"id":"player_%d","x":0,"y":0,"n":%d,"name":"Player %d"}' % [number, number + 2, number])
	return '{"type":"welcome","your_id":"me","lobby_players":[%s],"v":2,"n":1,"t":1,"x":0,"y":0}' % ",".join(players)


func _time(process: Callable) -> float:
	var before := Time.get_ticks_usec()
	process.call(1.0 / 60.0)
	return (Time.get_ticks_usec() - before) / 1000.0


func _summary(values: PackedFloat64Array) -> Dictionary:
	values.sort()
	var sum := 0.0
	for value in values:
		sum += value
	return {"mean": sum / values.size(), "p99": values[int(values.size() * 0.99)], "frames": values.size()}
