class_name LobbyPlayers3D
extends Node3D
## Draws the other players of the lobby in a 3D game: each where it stands, smoothly, with name and status over its head.
##
## Put it where the floor is, or let your player's script do so: [code]add_sibling.call_deferred(LobbyPlayers3D.new())[/code]

## What the others look like; a simple figure if empty. Any scene will do whose root is a [Node3D] that looks along -Z. If the
## root has a method [code]show_player(player: LobbyPlayer)[/code], it is called at first and whenever name or status change;
## if it has [code]show_movement(velocity: Vector2)[/code], every frame; if it has [code]depart()[/code], that is called when
## the player went, and has to free it in the end.
@export var avatar: PackedScene
## Whose lobby; the autoload LobbyController if empty.
@export var client: LobbyClient

var _crowd: LobbyCrowd


func _ready() -> void:
	if client == null:
		client = LobbyClient.of(self)
	_crowd = LobbyCrowd.new(client, self, avatar if avatar != null else preload("lobby_avatar_3d.tscn"), _place)


func _process(_delta: float) -> void:
	_crowd.draw()


## The node that draws [param player]; null where there is none.
func node_of(player: LobbyPlayer) -> Node3D:
	return _crowd.node_of(player) as Node3D


func _place(node: Node3D, seen: LobbyTrack.Drawn) -> void:
	node.global_position = Vector3(seen.position.x, global_position.y, seen.position.y)
	node.global_rotation.y = -seen.heading - PI / 2.0
