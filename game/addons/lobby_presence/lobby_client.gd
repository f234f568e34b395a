class_name LobbyClient
extends Node
## Your player in a lobby, and the other players there. The autoload [code]LobbyController[/code] is a LobbyClient.
##
## [codeblock]
## func _ready() -> void:
##     LobbyController.join()
##     LobbyController.track(self)
##     add_sibling.call_deferred(LobbyPlayers3D.new())
## [/codeblock]
## No method waits. Without a lobby the game goes on, and the client tries again by itself.
##
## @tutorial(Autoloads): $DOCS_URL/tutorials/scripting/singletons_autoload.html

@warning_ignore_start("return_value_discarded")

## The client is connected: for the first time, or again after [signal disconnected].
signal connected
## An attempt failed, or the connection ended. The next attempt starts by itself after [param retry_in_s]. The other players
## stay known for some seconds ([constant KEEP_PLAYERS_S]).
signal disconnected(reason: String, retry_in_s: float)
## The lobby refuses this player. There is no further attempt until you call [method join]. [param code] is one of
## [constant LobbyErrors.CODES], or empty.
signal failed(code: String, message: String)
## The lobby refused a message. The client stays connected.
signal refused(code: String, message: String)
## Your player moved faster than the lobby allows. The lobby has it at [param position]. Its height there is
## [code]me.last_position.z[/code].
signal corrected(position: Vector2)
## A player joined, or it was there when you joined.
signal player_joined(player: LobbyPlayer)
## A player left.
signal player_left(player: LobbyPlayer)
## A position of a player arrived. To draw the player, use [method LobbyPlayer.drawn], [LobbyPlayers3D] or [LobbyPlayers2D].
signal player_moved(player: LobbyPlayer)
## The status or the name of a player changed. This includes your own status, when the lobby has accepted it.
signal status_changed(player: LobbyPlayer)
## The data of a player changed: see [member LobbyPlayer.data]. This includes your own data, when the lobby has accepted it.
signal player_data_changed(player: LobbyPlayer)
## A player sent an event to you or to the room, see [method send]. An empty [param player_id] is an operator of the lobby. Only
## the game knows what [param data] must contain: check it before you use it.
signal event_received(player_id: String, event: String, data: Dictionary)

## Answer to [method rooms]. Each room has [code]name[/code], [code]players[/code] and [code]size[/code], the largest number of
## players. [param next] is the value of [param after] for the next page, empty on the last one.
signal rooms_listed(rooms: Array[Dictionary], next: String)
## The list that [method rooms] asked for is not available. [param message] says why.
signal rooms_failed(message: String)

const _LobbyAxes := preload("internal/axes.gd")
const _LobbyClock := preload("internal/clock.gd")
const _LobbyConnection := preload("internal/connection.gd")
const _LobbyConstants := preload("internal/constants.gd")
const _LobbyData := preload("internal/data.gd")
const _LobbyMessages := preload("internal/messages.gd")
const _LobbyMotion := preload("internal/motion.gd")
const _LobbyRoster := preload("internal/roster.gd")
const _LobbySendPolicy := preload("internal/send_policy.gd")
const _LobbyStepClock := preload("internal/step_clock.gd")
const _LobbyText := preload("internal/text.gd")

## States of a connection: CLOSED (no connection is wanted), CONNECTING, CONNECTED, WAITING (for the next attempt), REFUSED
## (there is no further attempt).
const State := _LobbyConnection.State  # gdlint: ignore=constant-name

## Every LobbyClient is in this group. See [method of].
const GROUP := &"lobby_client"
## The other players stay known for so long without a connection, in s.
const KEEP_PLAYERS_S := _LobbyConstants.KEEP_PLAYERS_MS / 1000.0
## File in which an exported game keeps the id that the addon made for its player.
const ID_FILE := "user://lobby_player_id"
## The longest time that the list of rooms may take, in s.
const ROOMS_TIMEOUT_S := 10.0
## A height of 0 is sent as this, in units, because 0 means no height on the wire.
const LEAST_HEIGHT := 0.01

## Settings from the project, the files and the environment. Change them before you call [method join].
var settings: LobbySettings
## Whether to join as a watcher: it receives everything except events for one player, no other client knows it, and it can send
## nothing. Set it before you call [method join].
var watch := false
## The other players, by id. Read only.
var players: Dictionary[String, LobbyPlayer]:
	get:
		return _roster.players
## Your own player, as the lobby knows it. Read only.
var me: LobbyPlayer:
	get:
		return _roster.you
## The node that you track, a [Node2D] or [Node3D]. Null if there is none. Read only.
var tracked: Node:
	get:
		return _tracked if is_instance_valid(_tracked) else null
## State of the connection. Read only.
var state: State:
	get:
		return _connection.state
## Time until the next attempt, in s. 0 if no attempt is planned. Read only.
var retry_in_s: float:
	get:
		var is_waiting := state == State.WAITING
		return maxf(0.0, _connection.retry_at_ms - now_ms()) / 1000.0 if is_waiting else 0.0
## Time that a message takes to the lobby and back, in ms. NAN while it is unknown. Read only.
var round_trip_ms: float:
	get:
		return _connection.round_trip_ms

var _connection: _LobbyConnection
var _roster := _LobbyRoster.new()
var _send_policy := _LobbySendPolicy.new()
var _motion := _LobbyMotion.new()
var _axes := _LobbyAxes.new()
var _steps := _LobbyStepClock.new()
var _frames := _LobbyStepClock.new()
var _requested_url := ""
var _made_id := ""
var _tracked: Node
var _status: Variant = null  # a String once it was set
var _patch := {}  # all changes of the own data, as one merge patch
var _is_renamed := false  # the address of the connection has an older name
var _is_watching := false
var _seq := 0
var _event_seq := 0
var _welcomes := 0
var _pending: Array[_LobbyRoster.Event] = []
var _hello_ms := -INF
var _lost_ms := INF


func _init(connection := _LobbyConnection.new()) -> void:
	_connection = connection
	process_mode = PROCESS_MODE_ALWAYS  # pings must be sent while the game is paused, too
	settings = LobbySettings.of_this_game()
	add_to_group(GROUP)
	_connection.connected.connect(_handle_connected)
	_connection.disconnected.connect(_handle_disconnected)
	_connection.refused.connect(_handle_refused)
	_connection.message_received.connect(_handle_message_received)


func _exit_tree() -> void:
	_connection.close(now_ms())


func _notification(what: int) -> void:
	if what == NOTIFICATION_APPLICATION_RESUMED or what == NOTIFICATION_APPLICATION_FOCUS_IN:
		_connection.nudge(now_ms())


func _process(delta: float) -> void:
	var now := now_ms()
	_frames.step(1000.0 * delta / maxf(Engine.time_scale, 0.001), now)
	_connection.poll(now)
	if now > _lost_ms + 1000.0 * KEEP_PLAYERS_S:
		_lost_ms = INF
		_emit_events(_roster.clear())
	if is_joined():
		_emit_events(_roster.expire(now))
		_send_position(now)


func _physics_process(_delta: float) -> void:
	_steps.step(1000.0 / Engine.physics_ticks_per_second, now_ms())
	if not is_instance_valid(_tracked):
		_tracked = null
	elif _tracked.is_inside_tree():
		_follow(_tracked)


# ── what a game calls ─────────────────────────────────────────────────────────────────────────────────────────────────


## Joins the lobby in the background, and stays in it until [method leave]. [param room] replaces the setting. If the client
## is already in the room, nothing changes, so every scene may call it.
func join(room: String = "") -> void:
	for problem in settings.problems:
		push_warning("Lobby: " + problem)
	settings.problems.clear()
	if room:
		settings.room = room
	var url := _address(_player_id())
	if url == _requested_url and _connection.is_wanted():
		retry_now()
		return
	_requested_url = url
	_is_watching = watch
	_log_verbose("joining %s" % settings.url)
	_remove_players()
	_connection.open(url, now_ms())


## Leaves the lobby.
func leave() -> void:
	_log_verbose("leaving")
	_connection.close(now_ms())
	_remove_players()


## Whether the client is connected now.
func is_joined() -> bool:
	return state == State.CONNECTED


## Starts the next attempt at once, if one is planned.
func retry_now() -> void:
	if state == State.WAITING:
		_connection.nudge(now_ms())


## Sends the position and heading of [param node], a [Node2D] or [Node3D], from now on. The height of a [Node3D] is sent, too:
## see [member LobbySettings.axes]. If your game turns only a child of the player, such as its mesh, track the child.
func track(node: Node) -> void:
	if not node is Node2D and not node is Node3D:
		push_warning("Lobby: only a Node2D or a Node3D can be tracked; %s is neither." % node)
		return
	_axes = _LobbyAxes.new(settings.axes)
	_tracked = node


## Stops sending the position of the tracked node.
func untrack() -> void:
	_tracked = null


## Sets the position of your player, in units. In a 3D game [param y] is the [code]z[/code] of your scene, and the height
## [param z] is its [code]y[/code]. Leave [param z] out in a game without height. Call it every frame: the client sends only the
## positions that other clients need.
func send_position(x: float, y: float, z := NAN) -> void:
	_update_position(Vector3(x, y, z), _velocity(Vector3(x, y, z)), 0.0)


## Sets the position of your player, in units, its velocity, in units per second, and its heading, in radians. [param z] is the
## height, and [param vz] its velocity. Leave them out in a game without height.
func send_state(position: Vector2, velocity := Vector2.ZERO, heading := 0.0, z := NAN, vz := 0.0) -> void:
	_update_position(Vector3(position.x, position.y, z), Vector3(velocity.x, velocity.y, vz), heading)


## Sets the status text of your player, up to 32 characters. An empty text removes it.
func set_status(status: String) -> void:
	_status = _LobbyText.one_line(status)
	_send_status()


## Changes the name of your player, up to 32 characters. An empty name shows its id. The signal [signal status_changed] reports
## it to the other players.
func rename(to: String) -> void:
	var was_requested := _requested_url == _address(_player_id())
	settings.name = _LobbyText.one_line(to)
	if was_requested:
		_requested_url = _address(_player_id())
	if _connection.is_wanted():
		_connection.url = _address(me.id if _player_id().is_empty() else _player_id())
		_is_renamed = true
		_send_name()


## Changes the data of your player, which all players receive: [code]LobbyController.set_data({"team": "red"})[/code]. The lobby
## merges [param patch] into [member LobbyPlayer.data]: null removes a key, and a Dictionary is merged in the same way. Values
## are texts, numbers, bools, null, and Arrays and Dictionaries of them. By default the whole data has at most 512 bytes as
## JSON; [signal refused] reports [code]bad_data[/code] otherwise. Data that you set before joining is sent after joining.
func set_data(patch: Dictionary) -> void:
	var plain: Variant = _LobbyData.plain(patch)
	if plain == null:
		refused.emit("bad_data", "data has a value that JSON cannot hold, or is nested too deep")
		return
	var change: Dictionary = plain
	_patch = _LobbyData.combined(_patch, change)
	_send_action(_LobbyMessages.change_data(change))


## Sends an event to the player with the id [param to], or without it to all others in the room. They receive
## [signal event_received]. [param event] is its name: 1 to 32 of [code]A-Z a-z 0-9 _ . : -[/code]. By default [param data] has
## at most 512 bytes as JSON, and a player may send 5 events a second. Returns whether the event was sent: without a connection
## it is lost, because events are not stored.
func send(event: String, data: Dictionary = {}, to: String = "") -> bool:
	var plain: Variant = _LobbyData.plain(data)
	if plain == null:
		refused.emit("bad_event", "data has a value that JSON cannot hold, or is nested too deep")
		return false
	var object: Dictionary = plain
	var is_sent := _send_action(_LobbyMessages.send(event, object, to, _event_seq + 1))
	_event_seq += 1 if is_sent else 0
	return is_sent


## Asks for the rooms of the lobby in the order of their names: at most [param limit] (1 to 1,000), behind the room
## [param after]. The answer is [signal rooms_listed] or [signal rooms_failed]. The client need not have joined. The lobby must
## run with [code]--list-rooms[/code]; a lobby on AWS has no list.
func rooms(limit: int = 100, after: String = "") -> void:
	var url := _LobbyMessages.rooms_address(settings.url, settings.token, limit, after)
	if url.is_empty():
		rooms_failed.emit("%s is not a valid address of a lobby" % settings.url)
		return
	var request := HTTPRequest.new()
	request.timeout = ROOMS_TIMEOUT_S
	request.body_size_limit = 1_000_000
	add_child(request)
	request.request_completed.connect(_handle_rooms.bind(request))
	if request.request(url) != OK:
		request.queue_free()
		rooms_failed.emit("the request for the rooms could not be sent")


## Returns the client that [param node] should use: the autoload, or the first one in the scene tree. Null if there is none.
static func of(node: Node) -> LobbyClient:
	return node.get_tree().get_first_node_in_group(GROUP) as LobbyClient


## Returns the time on the clock of the addon, in ms since the engine started.
static func now_ms() -> float:
	return _LobbyClock.now_ms()


func _follow(node: Node) -> void:
	var place: Vector3
	var heading: float
	if node is Node3D:
		var transform := (node as Node3D).global_transform
		var forward := _axes.to_lobby(-transform.basis.z)
		place = _axes.to_lobby(transform.origin)
		place.z = place.z if _axes.has_height else NAN
		heading = Vector2(forward.x, forward.y).angle()
	else:
		var position := (node as Node2D).global_position
		place = Vector3(position.x, position.y, NAN)
		heading = (node as Node2D).global_rotation
	_update_position(place, _velocity(place), heading)


## The velocity at [param place], where a height of NAN is none.
func _velocity(place: Vector3) -> Vector3:
	return _motion.velocity(Vector3(place.x, place.y, 0.0 if is_nan(place.z) else place.z), _step_clock().steps_ms)


func _update_position(place: Vector3, velocity: Vector3, heading: float) -> void:
	var has_height := not is_nan(place.z)
	if not has_height:
		place.z = 0.0
		velocity.z = 0.0
	if not (place.is_finite() and velocity.is_finite() and is_finite(heading)):
		return  # a mistake of the game that must not reach other clients
	if has_height and is_zero_approx(snappedf(place.z, 0.01)):
		place.z = LEAST_HEIGHT
	var position := LobbyPosition.new(
		Vector2(place.x, place.y), Vector2(velocity.x, velocity.y), wrapf(heading, -PI, PI), place.z, velocity.z
	)
	var at_ms := now_ms() if is_nan(_step_clock().now_ms) else _step_clock().now_ms
	position.t = roundi(at_ms) % _LobbyConstants.CLOCK_MODULUS_MS
	_send_policy.update(position, at_ms)


## The clock of the physics steps or of the frames, whichever calls.
func _step_clock() -> _LobbyStepClock:
	return _steps if Engine.is_in_physics_frame() else _frames


func _send_position(now: float) -> void:
	_send_policy.send_ms = maxf(settings.send_ms, _connection.config.send_ms)
	var position: LobbyPosition = null if _is_watching else _send_policy.due(now)
	if position == null:
		return
	_seq += 1
	position.seq = _seq
	if not _connection.send_position(_LobbyMessages.pos(position, _connection.version), _seq, now):
		_send_policy.forget()


func _send_status() -> void:
	if _status != null:
		var text: String = _status
		_send_action(_LobbyMessages.status(text))


## Sends again what the lobby may have dropped.
func _send_again() -> void:
	_send_status()
	_send_missing_data()


func _send_name() -> void:
	if _send_action(_LobbyMessages.rename(settings.name)):
		_is_renamed = false


## Sends again what the lobby does not have: it dropped the message, or there was no connection.
func _send_missing_data() -> void:
	if _LobbyData.changes(me.data, _patch):
		_send_action(_LobbyMessages.change_data(_patch))


## Sends a message that version 1 does not have, and that a watcher must not send. Returns whether it was sent.
func _send_action(text: String) -> bool:
	return _connection.version >= 2 and not _is_watching and _connection.send(text)


func _address(player: String) -> String:
	return _LobbyMessages.address(settings.url, player, settings.room, settings.name, settings.token, watch)


## The id of this player: from the settings, from the game's autoload, from the token, or made here.
func _player_id() -> String:
	if settings.player:
		return settings.player
	var autoload := get_node_or_null(LobbySettings.PLAYER_AUTOLOAD) if is_inside_tree() else null
	if autoload != null and autoload.get(LobbySettings.PLAYER_PROPERTY):
		return str(autoload.get(LobbySettings.PLAYER_PROPERTY))
	if settings.token:
		return ""
	if _made_id.is_empty():
		# During development every run is a new player, so that two copies on one machine can meet.
		_made_id = "player_" + Crypto.new().generate_random_bytes(4).hex_encode()
		if not OS.is_debug_build():
			_made_id = _stored(ID_FILE, _made_id)
	return _made_id


## Returns the id that is stored in [param path]. If there is none, stores [param id] and returns it.
static func _stored(path: String, id: String) -> String:
	var found := FileAccess.get_file_as_string(path).strip_edges() if FileAccess.file_exists(path) else ""
	if _LobbyText.is_id(found):
		return found
	var file := FileAccess.open(path, FileAccess.WRITE)
	if file != null:
		file.store_string(id)
	return id


# ── what the connection reports ───────────────────────────────────────────────────────────────────────────────────────


# Not _on_...: a controller that extends this class has such names for its own listeners.
func _handle_connected() -> void:
	_lost_ms = INF
	_log_verbose("connected")
	connected.emit()
	_send_status()


func _handle_disconnected(reason: String, pause_ms: float) -> void:
	_lost_ms = minf(_lost_ms, now_ms())
	_roster.was_cut = true
	_log_verbose("disconnected: %s; next attempt in %.1f s" % [reason, pause_ms / 1000.0])
	disconnected.emit(reason, pause_ms / 1000.0)


func _handle_rooms(result: int, status: int, _headers: PackedStringArray, body: PackedByteArray, request: HTTPRequest) -> void:
	request.queue_free()
	if result != HTTPRequest.RESULT_SUCCESS:
		rooms_failed.emit("the lobby does not answer")
		return
	var text := body.get_string_from_utf8()
	if status != 200:
		rooms_failed.emit("%d: %s" % [status, text.left(200).strip_edges()])
		return
	var list := _LobbyMessages.room_list(text)
	if list.is_empty():
		rooms_failed.emit("the answer is no list of rooms")
		return
	var found: Array[Dictionary] = list["rooms"]
	var next: String = list["next"]
	rooms_listed.emit(found, next)


func _handle_refused(code: String, message: String) -> void:
	_remove_players()
	_log_verbose("failed: %s (%s)" % [message, code])
	failed.emit(code, message)


func _handle_message_received(message: _LobbyMessages.Message, is_busy: bool) -> void:
	var now := now_ms()
	if message is _LobbyMessages.ErrorMessage:
		_apply_error(message as _LobbyMessages.ErrorMessage, now)
	elif message is _LobbyMessages.Welcome:
		_apply_welcome(message as _LobbyMessages.Welcome)
	_emit_events(_roster.apply(message, now, is_busy))
	if _welcomes != _connection.welcomes:
		_welcomes = _connection.welcomes
		_begin_connection()
	if message is _LobbyMessages.DataChanged and not _LobbyData.changes(me.data, _patch):
		_patch = me.data.duplicate(true)  # the lobby has it all, and keys that are gone need no null any more
	if _roster.has_unknown and now > _hello_ms + _LobbyConstants.HELLO_EVERY_MS:
		_hello_ms = now
		_connection.send(_LobbyMessages.hello())


## The first message of a connection, its [code]welcome[/code], has been applied.
func _begin_connection() -> void:
	_event_seq = 0
	_send_missing_data()
	if _is_renamed:
		_send_name()


func _apply_welcome(welcome: _LobbyMessages.Welcome) -> void:
	# The lobby ignores positions whose number is not higher than the last one it knows.
	_seq = maxi(_seq, welcome.position.seq)
	_send_policy.forget_unless(welcome.position)
	if _welcomes != _connection.welcomes:
		_is_renamed = _is_renamed and _connection.welcomed_url != _connection.url
	if _player_id().is_empty() and not _is_watching:  # the token names the player; reconnect as the same player
		_connection.url = _address(welcome.your_id)


func _apply_error(error: _LobbyMessages.ErrorMessage, now: float) -> void:
	if error.code == "too_fast" or error.code == "rate_limited":
		_send_policy.forget(now + _LobbyConstants.SLOW_DOWN_MS)
	if error.code == "rate_limited":
		get_tree().create_timer(_LobbyConstants.SLOW_DOWN_MS / 1000.0).timeout.connect(_send_again)
	if error.code == "bad_data" or error.code == "too_large":
		_patch = me.data.duplicate(true)  # what was refused is not sent again
	_log_verbose("refused: %s (%s)" % [error.message, error.code])
	refused.emit(error.code, error.message)
	if error.has_position:
		me.last_position = error.position
		corrected.emit(error.position.position)


func _remove_players() -> void:
	_lost_ms = INF
	_send_policy.forget()
	_emit_events(_roster.clear())


## Emits events in order. A listener may leave or join, which adds further events.
func _emit_events(events: Array[_LobbyRoster.Event]) -> void:
	var is_emitting := not _pending.is_empty()
	_pending.append_array(events)
	while not is_emitting and not _pending.is_empty():
		var event := _pending[0]
		match event.kind:
			_LobbyRoster.Kind.JOINED:
				player_joined.emit(event.player)
			_LobbyRoster.Kind.LEFT:
				player_left.emit(event.player)
			_LobbyRoster.Kind.MOVED:
				player_moved.emit(event.player)
			_LobbyRoster.Kind.STATUS:
				status_changed.emit(event.player)
			_LobbyRoster.Kind.DATA:
				player_data_changed.emit(event.player)
			_LobbyRoster.Kind.EVENT:
				event_received.emit(event.message.id, event.message.event, event.message.data)
		_pending.pop_front()


func _log_verbose(what: String) -> void:
	if settings.verbose:
		print("[Lobby] ", what)
