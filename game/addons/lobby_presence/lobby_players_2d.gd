class_name LobbyPlayers2D
extends Node2D
## Draws the other players of the lobby in a 2D game, smoothly, with name and status.
##
## Add it to your scene, or from your player's script: [code]add_sibling.call_deferred(LobbyPlayers2D.new())[/code]

const _LobbyPlayerNodes := preload("internal/player_nodes.gd")

## Scene for each of the other players. Empty: a simple figure. The root must be a [Node2D] that looks along +X. It may have the
## methods that [member LobbyPlayers3D.avatar] lists.
@export var avatar: PackedScene
## Client whose players are drawn. Empty: the autoload LobbyController.
@export var client: LobbyClient
## Whether the nodes are turned to the players' headings. Turn it off in a game that is seen from the side.
@export var turns := true

var _nodes: _LobbyPlayerNodes


func _ready() -> void:
	_nodes = _LobbyPlayerNodes.new(self, avatar if avatar != null else preload("lobby_avatar_2d.tscn"), _place)
	if client == null:
		client = LobbyClient.of(self)
	if client == null:
		push_warning("Lobby: there is no LobbyController, so no players can be drawn. Is the plugin enabled?")
		return
	_nodes.follow(client.players, client.player_joined, client.player_left, client.status_changed)


func _process(_delta: float) -> void:
	_nodes.draw()


## Returns the node that draws [param player]; null if there is none.
func node_of(player: LobbyPlayer) -> Node2D:
	return _nodes.node_of(player) as Node2D


func _place(node: Node2D, drawn: LobbyPosition.Drawn) -> void:
	node.global_position = drawn.position
	if turns:
		node.global_rotation = drawn.heading
