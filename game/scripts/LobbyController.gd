extends LobbyClient
## The autoload [code]LobbyController[/code]: a [LobbyClient] with the rooms, the player and the log of this game.
##
## Each zone is a room, so players in different zones do not see each other.

## The room of the lobby zone, if the settings name no other.
const ROOM := "lobby"
## The event of a player that waves.
const WAVE := "wave"

var _room := ROOM
var _look := {}  # the own data, which the lobby may not know yet


func _ready() -> void:
	if settings.room:
		_room = settings.room
	if NetworkManager.lobby_url:
		settings.url = NetworkManager.lobby_url
	if settings.player.is_empty():
		settings.player = LocalPlayerData.player_id
	if settings.name.is_empty():
		settings.name = LocalPlayerData.player_name
	connected.connect(_log.bind("connected"))
	disconnected.connect(_on_disconnected)
	failed.connect(_on_failed)
	corrected.connect(_on_corrected)


## Joins the room of a zone. [param zone] is its name; empty for the lobby zone.
func enter(zone := "") -> void:
	if not NetworkManager.is_offline:
		join("%s.%s" % [_room, zone] if zone else _room)


## Returns the name of the room in which the lobby zone is.
func room() -> String:
	return _room


## Chooses the room of the lobby zone. It counts when the player enters the next zone.
func choose_room(chosen: String) -> void:
	_room = chosen


## Whether a room of the lobby is a lobby zone, and not the space around one.
func is_station(named: String) -> bool:
	return not named.ends_with(".space")


## Returns the id of the local player.
func player() -> String:
	return me.id if me.id else settings.player


## Returns the colour of the local player.
func colour() -> Color:
	return Livery.of(player(), _look)


## Chooses the next colour. The other players receive it as data.
func choose_next_colour() -> void:
	_look = Livery.as_data(Livery.after(colour()))
	set_data(_look)


## Waves to all players of the zone.
func wave() -> void:
	send(WAVE)


func _on_disconnected(reason: String, pause_s: float) -> void:
	_log("%s; next attempt in %.1f s" % [reason, pause_s])


func _on_failed(code: String, message: String) -> void:
	_log("%s (%s); no further attempt" % [message, code])


func _on_corrected(at: Vector2) -> void:
	_log("too fast: the lobby has this ship at %s" % at)


func _log(what: String) -> void:
	print("[LobbyController] ", what)
