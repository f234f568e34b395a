class_name LobbyPlayers3D
extends Node3D
## Draws the other players of the lobby in a 3D game, smoothly, with name and status.
##
## Add it to your scene, or from your player's script: [code]add_sibling.call_deferred(LobbyPlayers3D.new())[/code]
##
## A player whose game sends a height ([member LobbyPlayer.has_height]) is drawn at that height. [member LobbySettings.axes]
## names the axes of the scene.

const _LobbyAxes := preload("internal/axes.gd")
const _LobbyPlayerNodes := preload("internal/player_nodes.gd")

## Scene for each of the other players. Empty: a simple figure. The root must be a [Node3D] that looks along -Z. It may have
## these methods: [code]show_player(player: LobbyPlayer)[/code] is called at first and after each change of name or status;
## [code]set_lobby_data(data: Dictionary)[/code] is called at first and after each change of the player's data;
## [code]show_movement(velocity: Vector2)[/code] is called every frame, in units per second; [code]depart()[/code] is called
## when the player has left, and must free the node in the end.
@export var avatar: PackedScene
## Client whose players are drawn. Empty: the autoload LobbyController.
@export var client: LobbyClient
## Whether a player without a known height is drawn at the height of the node that you track ([member LobbyClient.tracked]). If
## it is off, or if you track no [Node3D], the height is that of this node.
@export var follows_height := true

var _axes := _LobbyAxes.new()
var _nodes: _LobbyPlayerNodes


func _ready() -> void:
	_nodes = _LobbyPlayerNodes.new(self, avatar if avatar != null else preload("lobby_avatar_3d.tscn"), _place)
	if client == null:
		client = LobbyClient.of(self)
	if client == null:
		push_warning("Lobby: there is no LobbyController, so no players can be drawn. Is the plugin enabled?")
		return
	_axes = _LobbyAxes.new(client.settings.axes)
	_nodes.follow(client.players, client.player_joined, client.player_left, client.status_changed, client.player_data_changed)


func _process(_delta: float) -> void:
	_nodes.draw()


## Returns the node that draws [param player]; null if there is none.
func node_of(player: LobbyPlayer) -> Node3D:
	return _nodes.node_of(player) as Node3D


func _place(node: Node3D, drawn: LobbyPosition.Drawn) -> void:
	var height := drawn.z if drawn.has_height and _axes.has_height else _axes.to_lobby(_floor_node().global_position).z
	node.global_position = _axes.to_scene(Vector3(drawn.position.x, drawn.position.y, height))
	node.global_rotation = _axes.rotation(drawn.heading)


## The node at whose height players without a known height are drawn.
func _floor_node() -> Node3D:
	var tracked := client.tracked as Node3D if follows_height else null
	return tracked if tracked != null and tracked.is_inside_tree() else self
