class_name LobbyClient
extends Node
## You, in a lobby: who else is here, and where they stand. The autoload [code]LobbyController[/code] is one.
##
## [codeblock]
## func _ready() -> void:
##     LobbyController.join()
##     LobbyController.track(self)
##     add_sibling.call_deferred(LobbyPlayers3D.new())
## [/codeblock]
## Nothing here ever waits, and the game goes on without a lobby where there is none.

## The lobby is there: for the first time, or again after [signal disconnected].
signal connected
## The lobby cannot be reached, or not any more; the next try comes by itself. The others stay known for some seconds
## ([constant REMEMBER_S]).
signal disconnected(reason: String, retry_in_s: float)
## The lobby does not take you, and there is no further try until you [method join] again. [param code] is one of
## [constant LobbyErrors.CODES].
signal failed(code: String, message: String)
## Something that you sent was refused; you are still in the lobby.
signal refused(code: String, message: String)
## You moved faster than this lobby allows: it says that you stand here.
signal corrected(position: Vector2)
## Somebody came, or was here already when you came.
signal player_joined(player: LobbyPlayer)
## Somebody went.
signal player_left(player: LobbyPlayer)
## Somebody said that it moved. To draw it use [method LobbyPlayer.seen], or [LobbyPlayers3D] and [LobbyPlayers2D].
signal player_moved(player: LobbyPlayer)
## Somebody's status or name changed; yours too, once the lobby has told everybody.
signal status_changed(player: LobbyPlayer)

## Every LobbyClient is in this group; see [method of].
const GROUP := &"lobby_client"
## Without a connection for so long, nobody is here any more.
const REMEMBER_S := 20.0
## How long to keep quiet after the lobby said that it was too much.
const QUIET_MS := 1_000.0
## The lobby is not asked who is here more often than this.
const HELLO_MS := 10_000.0
## Where an exported game keeps the id that was made for it.
const ID_FILE := "user://lobby_player_id"

## What is set, from the project, the environment and the files. Change it before [method join].
var settings: LobbySettings
## Who is here besides you, by id. Read only.
var players: Dictionary[String, LobbyPlayer]:
	get:
		return _roster.players
## You, as the lobby knows you. Read only.
var me: LobbyPlayer:
	get:
		return _roster.you
## What is going on: closed, connecting, connected, waiting or refused. Read only.
var state: LobbyConnection.State:
	get:
		return _connection.state
## How long until the next try, while there is one to come; else 0. Read only.
var retry_in_s: float:
	get:
		var is_waiting := state == LobbyConnection.State.WAITING
		return maxf(0.0, _connection.again_ms - now_ms()) / 1000.0 if is_waiting else 0.0
## How long a message takes to the lobby and back, in ms; NAN as long as that is not known. Read only.
var round_trip_ms: float:
	get:
		return _connection.round_trip_ms

var _connection: LobbyConnection
var _roster := LobbyRoster.new()
var _pilot := LobbyPilot.new()
var _motion := LobbyMotion.new()
var _steps := LobbyEvenClock.new()
var _frames := LobbyEvenClock.new()
var _asked_url := ""
var _made_id := ""
var _tracked: Node
var _status: Variant = null  # a String once it was set
var _seq := 0
var _untold: Array[LobbyRoster.Event] = []
var _hello_ms := -INF
var _lost_ms := INF


func _init(connection := LobbyConnection.new()) -> void:
	_connection = connection
	process_mode = PROCESS_MODE_ALWAYS  # in a paused game pings want answers, too
	settings = LobbySettings.of_this_game()
	add_to_group(GROUP)
	_connection.connected.connect(_when_connected)
	_connection.disconnected.connect(_when_disconnected)
	_connection.refused.connect(_when_refused)
	_connection.heard.connect(_when_heard)


func _exit_tree() -> void:
	_connection.close(now_ms())


func _notification(what: int) -> void:
	if what == NOTIFICATION_APPLICATION_RESUMED or what == NOTIFICATION_APPLICATION_FOCUS_IN:
		_connection.nudge(now_ms())


func _process(delta: float) -> void:
	var now := now_ms()
	_frames.step(1000.0 * delta / maxf(Engine.time_scale, 0.001), now)
	_connection.poll(now)
	if now > _lost_ms + 1000.0 * REMEMBER_S:
		_lost_ms = INF
		_tell(_roster.clear())
	if is_joined():
		_tell(_roster.give_up(now))
		_speak(now)


func _physics_process(_delta: float) -> void:
	_steps.step(1000.0 / Engine.physics_ticks_per_second, now_ms())
	if not is_instance_valid(_tracked):
		_tracked = null
	elif _tracked.is_inside_tree():
		_follow(_tracked)


# ── what a player does ────────────────────────────────────────────────────────────────────────────────────────────────


## Enters the lobby, in the background, and stays in it until [method leave]. [param room] wins over the setting. Who is in
## there already stays: your scenes may call it whenever they begin.
func join(room: String = "") -> void:
	for problem in settings.problems:
		push_warning("Lobby: " + problem)
	settings.problems.clear()
	if room:
		settings.room = room
	var url := LobbyMessages.address(settings.url, _player_id(), settings.room, settings.name, settings.token)
	if url == _asked_url and _connection.is_wanted():
		retry_now()
		return
	_asked_url = url
	_say("joining %s" % settings.url)
	_forget_everybody()
	_connection.open(url, now_ms())


## Leaves the lobby.
func leave() -> void:
	_say("leaving")
	_connection.close(now_ms())
	_forget_everybody()


## Whether you are in the lobby right now.
func is_joined() -> bool:
	return state == LobbyConnection.State.CONNECTED


## Does not wait for the next try.
func retry_now() -> void:
	if state == LobbyConnection.State.WAITING:
		_connection.nudge(now_ms())


## Tells the lobby where [param node], a [Node2D] or [Node3D], stands and where it points, from now on.
func track(node: Node) -> void:
	if not node is Node2D and not node is Node3D:
		push_warning("Lobby: only a Node2D or a Node3D can be tracked; %s is neither." % node)
		return
	_tracked = node


## Tells the lobby no more of the node that is tracked.
func untrack() -> void:
	_tracked = null


## Stands there now; in 3D [param y] is the position's [code]z[/code]. Call it every frame: it sends no more than needed.
func send_position(x: float, y: float) -> void:
	var position := Vector2(x, y)
	_stand(position, _motion.velocity(position, _even().steps_ms), 0.0)


## Stands there now, moves with [param velocity] (units per second) and points to [param heading] (radians).
func send_state(position: Vector2, velocity := Vector2.ZERO, heading := 0.0) -> void:
	_stand(position, velocity, heading)


## Shows a word over your head, up to 32 characters; empty takes it away.
func set_status(status: String) -> void:
	_status = LobbyMessages.one_line(status)
	_say_status()


## The client that [param node] should use: the autoload, or whichever there is. Null where there is none.
static func of(node: Node) -> LobbyClient:
	return node.get_tree().get_first_node_in_group(GROUP) as LobbyClient


## The clock of all paths and connections, in ms.
static func now_ms() -> float:
	return Time.get_ticks_usec() / 1000.0


func _follow(node: Node) -> void:
	var position: Vector2
	var heading: float
	if node is Node3D:
		var place := (node as Node3D).global_transform
		position = Vector2(place.origin.x, place.origin.z)
		heading = atan2(-place.basis.z.z, -place.basis.z.x)
	else:
		position = (node as Node2D).global_position
		heading = (node as Node2D).global_rotation
	_stand(position, _motion.velocity(position, _even().steps_ms), heading)


func _stand(position: Vector2, velocity: Vector2, heading: float) -> void:
	if not (position.is_finite() and velocity.is_finite() and is_finite(heading)):
		return  # no place at all: the game's own mistake, and none of the others' business
	var move := LobbyMove.new(position, velocity, wrapf(heading, -PI, PI))
	var at_ms := now_ms() if is_nan(_even().now_ms) else _even().now_ms
	move.t = roundi(at_ms) % LobbySenderClock.WRAP_MS
	_pilot.stand(move, at_ms)


## The clock of the steps or frames in which the game calls.
func _even() -> LobbyEvenClock:
	return _steps if Engine.is_in_physics_frame() else _frames


func _speak(now: float) -> void:
	_pilot.send_ms = maxf(settings.send_ms, _connection.config.send_ms)
	var move := _pilot.due(now)
	if move == null:
		return
	_seq += 1
	move.seq = _seq
	if not _connection.send(LobbyMessages.pos(move, _connection.version), true):
		_pilot.forget()


func _say_status() -> void:
	if _status != null and _connection.version >= 2:
		var text: String = _status
		_connection.send(LobbyMessages.status(text))


## Who you are: as it is set, or as the game's LocalPlayerData says, or as the token says, or an id that is made here.
func _player_id() -> String:
	if settings.player:
		return settings.player
	var data := get_node_or_null(^"/root/LocalPlayerData") if is_inside_tree() else null
	if data != null and data.get(&"player_id"):
		return str(data.get(&"player_id"))
	if settings.token:
		return ""
	if _made_id.is_empty():
		# While you make your game every run is another player, so that two of them on one desk can meet.
		_made_id = "player_" + Crypto.new().generate_random_bytes(4).hex_encode()
		if not OS.is_debug_build():
			_made_id = _kept(ID_FILE, _made_id)
	return _made_id


## The id that [param path] has kept; [param id], which it keeps from now on, where it has none.
static func _kept(path: String, id: String) -> String:
	var found := FileAccess.get_file_as_string(path).strip_edges() if FileAccess.file_exists(path) else ""
	if LobbyMessages.is_id(found):
		return found
	var file := FileAccess.open(path, FileAccess.WRITE)
	if file != null:
		file.store_string(id)
	return id


# ── what the lobby says ───────────────────────────────────────────────────────────────────────────────────────────────


func _when_connected() -> void:
	_lost_ms = INF
	_say("connected")
	connected.emit()
	_say_status()


func _when_disconnected(reason: String, again_ms: float) -> void:
	_lost_ms = minf(_lost_ms, now_ms())
	_roster.was_cut = true
	_say("disconnected: %s; next try in %.1f s" % [reason, again_ms / 1000.0])
	disconnected.emit(reason, again_ms / 1000.0)


func _when_refused(code: String, message: String) -> void:
	_forget_everybody()
	_say("failed: %s (%s)" % [message, code])
	failed.emit(code, message)


func _when_heard(message: LobbyMessages.Message, is_busy: bool) -> void:
	var now := now_ms()
	if message is LobbyMessages.Refusal:
		_hear_refusal(message as LobbyMessages.Refusal, now)
	elif message is LobbyMessages.Welcome:
		_hear_welcome(message as LobbyMessages.Welcome)
	_tell(_roster.hear(message, now, is_busy))
	if _roster.has_strangers and now > _hello_ms + HELLO_MS:
		_hello_ms = now
		_connection.send(LobbyMessages.hello())


func _hear_welcome(welcome: LobbyMessages.Welcome) -> void:
	# Positions count on from where the lobby has counted, or it would take them for old ones.
	_seq = maxi(_seq, welcome.at.seq)
	_pilot.forget_unless(welcome.at.position)
	if _player_id().is_empty():  # the token said who you are; it is the same who comes back
		var id := welcome.your_id
		_connection.url = LobbyMessages.address(settings.url, id, settings.room, settings.name, settings.token)


func _hear_refusal(refusal: LobbyMessages.Refusal, now: float) -> void:
	if refusal.code == "too_fast" or refusal.code == "rate_limited":
		_pilot.forget(now + QUIET_MS)
	if refusal.code == "rate_limited":
		get_tree().create_timer(QUIET_MS / 1000.0).timeout.connect(_say_status)
	_say("refused: %s (%s)" % [refusal.message, refusal.code])
	refused.emit(refusal.code, refusal.message)
	if refusal.has_place:
		corrected.emit(refusal.place)


func _forget_everybody() -> void:
	_lost_ms = INF
	_pilot.forget()
	_tell(_roster.clear())


## Emits what happened, in order: a listener may leave or join, and that makes more happen.
func _tell(events: Array[LobbyRoster.Event]) -> void:
	var is_telling := not _untold.is_empty()
	_untold.append_array(events)
	while not is_telling and not _untold.is_empty():
		var event := _untold[0]
		match event.kind:
			LobbyRoster.Kind.JOINED:
				player_joined.emit(event.player)
			LobbyRoster.Kind.LEFT:
				player_left.emit(event.player)
			LobbyRoster.Kind.MOVED:
				player_moved.emit(event.player)
			LobbyRoster.Kind.STATUS:
				status_changed.emit(event.player)
		_untold.pop_front()


func _say(what: String) -> void:
	if settings.verbose:
		print("[Lobby] ", what)
