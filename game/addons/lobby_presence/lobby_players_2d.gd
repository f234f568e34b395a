class_name LobbyPlayers2D
extends Node2D
## Draws the other players of the lobby in a 2D game: each where it stands, smoothly, with name and status over its head.
##
## Put it into your scene, or let your player's script do so: [code]add_sibling.call_deferred(LobbyPlayers2D.new())[/code]

## What the others look like; a simple figure if empty. Any scene will do whose root is a [Node2D] that looks along +X. The root
## may have the methods that [member LobbyPlayers3D.avatar] lists.
@export var avatar: PackedScene
## Whose lobby; the autoload LobbyController if empty.
@export var client: LobbyClient
## Whether the others are turned to where they look. Off for games that are seen from the side.
@export var turns := true

var _crowd: LobbyCrowd


func _ready() -> void:
	if client == null:
		client = LobbyClient.of(self)
	_crowd = LobbyCrowd.new(client, self, avatar if avatar != null else preload("lobby_avatar_2d.tscn"), _place)


func _process(_delta: float) -> void:
	_crowd.draw()


## The node that draws [param player]; null where there is none.
func node_of(player: LobbyPlayer) -> Node2D:
	return _crowd.node_of(player) as Node2D


func _place(node: Node2D, seen: LobbyTrack.Drawn) -> void:
	node.global_position = seen.position
	if turns:
		node.global_rotation = seen.heading
