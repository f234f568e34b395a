extends LobbyClient
## The autoload [code]LobbyController[/code]: you, among the others. The addon's [LobbyClient] does it; here are the game's
## rooms, who you are, and the log.
##
## A zone is a room: who is in another zone is not seen. Whatever happens to the lobby, nothing here waits and nothing fails:
## it ends in a signal and a line in the log, and the next try comes by itself.

## The room of the lobby zone, where neither the project nor the player has set another.
const ROOM := "lobby"

var _room := ROOM


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


## Enters the room of a zone: [param beside] is its name; the lobby zone has none, since it is the lobby itself.
func enter(beside := "") -> void:
	if not NetworkManager.is_offline:
		join("%s.%s" % [_room, beside] if beside else _room)


## Your id: what the lobby calls you, or will.
func player() -> String:
	return me.id if me.id else settings.player


func _on_disconnected(reason: String, next_try_s: float) -> void:
	_log("%s; next try in %.1f s" % [reason, next_try_s])


func _on_failed(code: String, message: String) -> void:
	_log("%s (%s); no further try" % [message, code])


func _on_corrected(at: Vector2) -> void:
	_log("too fast: the lobby says that this ship is at %s" % at)


func _log(what: String) -> void:
	print("[LobbyController] ", what)
