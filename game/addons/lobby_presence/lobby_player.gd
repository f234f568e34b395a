class_name LobbyPlayer
extends RefCounted
## A player in the lobby.
##
## The object stays the same while the player is here, also when a connection is lost and restored.
## In a 3D game the [code]y[/code] of a position is the [code]z[/code] of your scene: see [LobbyPosition].

const _LobbyClock := preload("internal/clock.gd")
const _LobbyText := preload("internal/text.gd")
const _LobbyTrack := preload("internal/track.gd")

## Id of the player. It is unique within a room.
var id: String = ""
## Number of the player in this room. 0 if the lobby uses version 1 of the protocol.
var n: int = 0
## Name to show.
var name: String = ""
## Status text to show, such as [code]"trading"[/code]. Empty: none.
var status: String = ""
## Data of the player, which its game sets with [method LobbyClient.set_data]. Empty: none. As everywhere in JSON, numbers are
## floats. Read only.
var data: Dictionary = {}
## Last position received from the player.
var last_position: LobbyPosition = LobbyPosition.new()
## Internal: the smoothed movement. Use [method drawn] to read it.
var track: _LobbyTrack = _LobbyTrack.new()
## Internal: how long ago the lobby had stored the position of a [code]welcome[/code] or [code]join[/code], in ms.
var age_ms := 0.0

## Last position received from the player, in units of your game. To draw the player smoothly, use [method drawn].
var position: Vector2:
	get:
		return last_position.position

## Whether the player has sent a position. A player that has just joined may not have sent one yet.
var has_position: bool:
	get:
		return last_position.seq > 0 or last_position.place() != Vector3.ZERO

## Whether the player has sent a height. On the wire a height of 0 means none, so a client of this addon sends 0.01
## units instead of 0. A player counts as one without height until a height other than 0 has arrived from it.
var has_height: bool:
	get:
		return track.has_height


## Whether [param text] is valid as the id of a player or a room: 1 to 64 characters out of
## [code]A-Z a-z 0-9 _ . : | @ -[/code].
static func is_valid_id(text: String) -> bool:
	return _LobbyText.is_id(text)


## Returns where to draw the player in this frame: smooth, and some hundred ms in the past. Null if no position is known.
## Call it once a frame. Every call returns the same object.
func drawn() -> LobbyPosition.Drawn:
	return track.at(_LobbyClock.now_ms())


func _to_string() -> String:
	return "%s at %s" % [id, position]
