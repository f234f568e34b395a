class_name LobbyCrowd
extends RefCounted
## The nodes of the others: one appears when a player comes, moves as the player moves, and goes when the player goes. What
## [LobbyPlayers3D] and [LobbyPlayers2D] have in common.

var _parent: Node
var _scene: PackedScene
var _place: Callable
var _nodes: Dictionary[LobbyPlayer, Node] = {}


## The crowd among the children of [param parent]. [param place] is given a node and a [LobbyTrack.Drawn], and moves it there.
func _init(client: LobbyClient, parent: Node, scene: PackedScene, place: Callable) -> void:
	_parent = parent
	_scene = scene
	_place = place
	if client == null:
		push_warning("Lobby: there is no LobbyController, so there is nobody to draw. Is the plugin enabled?")
		return
	for player: LobbyPlayer in client.players.values():
		_on_player_joined(player)
	client.player_joined.connect(_on_player_joined)
	client.player_left.connect(_on_player_left)
	client.status_changed.connect(_on_status_changed)


## Moves everybody to where they are to be drawn now.
func draw() -> void:
	for player in _nodes:
		if is_instance_valid(_nodes[player]):  # the game may have freed it
			_draw(player, _nodes[player])


## The node of a player; null where there is none.
func node_of(player: LobbyPlayer) -> Node:
	return _nodes[player] if _nodes.has(player) and is_instance_valid(_nodes[player]) else null


func _draw(player: LobbyPlayer, node: Node) -> void:
	var seen := player.seen()
	_place.call(node, seen)
	if node.has_method(&"show_movement"):
		node.call(&"show_movement", seen.velocity)


func _on_player_joined(player: LobbyPlayer) -> void:
	_nodes[player] = _scene.instantiate()
	_parent.add_child(_nodes[player])
	_on_status_changed(player)
	_draw(player, _nodes[player])


func _on_player_left(player: LobbyPlayer) -> void:
	var node := node_of(player)
	_nodes.erase(player)
	if node != null and node.has_method(&"depart"):
		node.call(&"depart")
	elif node != null:
		node.queue_free()


func _on_status_changed(player: LobbyPlayer) -> void:
	var node := node_of(player)
	if node != null and node.has_method(&"show_player"):
		node.call(&"show_player", player)
