class_name LobbyPlayers2D
extends Node2D
## Draws the other players of the lobby in a 2D game, smoothly, with name and status.
##
## Add it to your scene, or from your player's script: [code]add_sibling.call_deferred(LobbyPlayers2D.new())[/code]
##
## The players are sorted by y: among each other, and with the rest of a scene that sorts by y and has the same z index.

const _LobbyPlayerNodes := preload("internal/player_nodes.gd")

## Scene for each of the other players. Empty: a simple figure. The root must be a [Node2D] that looks along +X. It may have the
## methods that [member LobbyPlayers3D.avatar] lists.
@export var avatar: PackedScene
## Client whose players are drawn. Empty: the autoload LobbyController.
@export var client: LobbyClient
## Whether the nodes turn as the players' games turn their own nodes. A player whose game sends no heading is drawn upright, so
## nothing turns in a game that is seen from the side. Off: all nodes stay as they are in [member avatar].
@export var turns := true
## The [member CanvasItem.z_index] at which the players are drawn. The default is in front of the scenery of most games.
@export_range(-4095, 4095) var figures_z_index := 100:
	set(value):
		figures_z_index = value
		z_index = value

var _nodes: _LobbyPlayerNodes


func _init() -> void:
	z_index = figures_z_index
	y_sort_enabled = true


func _ready() -> void:
	_nodes = _LobbyPlayerNodes.new(self, avatar if avatar != null else preload("lobby_avatar_2d.tscn"), _place)
	if client == null:
		client = LobbyClient.of(self)
	if client == null:
		push_warning("Lobby: there is no LobbyController, so no players can be drawn. Is the plugin enabled?")
		return
	_nodes.follow(client.players, client.player_joined, client.player_left, client.status_changed, client.player_data_changed)


func _process(_delta: float) -> void:
	_nodes.draw()


## Returns the node that draws [param player]; null if there is none.
func node_of(player: LobbyPlayer) -> Node2D:
	return _nodes.node_of(player) as Node2D


func _place(node: Node2D, drawn: LobbyPosition.Drawn) -> void:
	node.global_position = drawn.position
	if turns and drawn.has_heading:
		node.global_rotation = drawn.heading
