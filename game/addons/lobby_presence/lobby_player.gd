class_name LobbyPlayer
extends RefCounted
## A player as the lobby tells of it. It stays the same object as long as the player is here, through every reconnect.
##
## In 3D games the [code]y[/code] of a position carries [code]z[/code].

## Who it is: unique within a room.
var id: String = ""
## The player's number in this room; 0 where the lobby gives none (version 1).
var n: int = 0
## What is written over the player's head.
var name: String = ""
## A word over the player's head, such as [code]"trading"[/code]; empty for none.
var status: String = ""
## What the player said last of where it stands.
var at: LobbyMove = LobbyMove.new()
## The player's path, from which [method seen] is read.
var track: LobbyTrack = LobbyTrack.new()

## Where the player stands, as it said last. To draw it smoothly use [method seen].
var position: Vector2:
	get:
		return at.position

## Whether anything is known of where the player stands: who has just come has not said it yet.
var has_place: bool:
	get:
		return at.seq > 0 or at.position != Vector2.ZERO


## Where to draw the player now: a little in the past, and smoothly. Null as long as nothing is known. Ask once a frame.
func seen() -> LobbyTrack.Drawn:
	return track.at(LobbyClient.now_ms())


func _to_string() -> String:
	return "%s at %s" % [id, position]
