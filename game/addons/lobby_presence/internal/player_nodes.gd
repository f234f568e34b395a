extends RefCounted
## Internal: one node for each of the other players. [LobbyPlayers3D] and [LobbyPlayers2D] share it.

@warning_ignore_start("return_value_discarded")

var _parent: Node
var _scene: PackedScene
var _place: Callable
var _nodes: Dictionary[LobbyPlayer, Node] = {}


## The nodes are instances of [param scene], and children of [param parent]. [param place] takes a node and a
## [LobbyPosition.Drawn], and moves the node there.
func _init(parent: Node, scene: PackedScene, place: Callable) -> void:
	_parent = parent
	_scene = scene
	_place = place


## Adds a node for each player in [param players] (by id), and follows the signals of a client.
func follow(
	players: Dictionary[String, LobbyPlayer], joined: Signal, left: Signal, status_changed: Signal, data_changed: Signal
) -> void:
	for player: LobbyPlayer in players.values():
		_on_player_joined(player)
	joined.connect(_on_player_joined)
	left.connect(_on_player_left)
	status_changed.connect(_on_status_changed)
	data_changed.connect(_on_data_changed)


## Moves each node to where its player is drawn now.
func draw() -> void:
	for player in _nodes:
		if is_instance_valid(_nodes[player]):  # the game may have freed it
			_draw(player, _nodes[player])


## Returns the node of a player; null if it has none.
func node_of(player: LobbyPlayer) -> Node:
	return _nodes[player] if _nodes.has(player) and is_instance_valid(_nodes[player]) else null


func _draw(player: LobbyPlayer, node: Node) -> void:
	var drawn := player.drawn()
	_place.call(node, drawn)
	if node.has_method(&"show_movement"):
		node.call(&"show_movement", drawn.velocity)


func _on_player_joined(player: LobbyPlayer) -> void:
	_nodes[player] = _scene.instantiate()
	_parent.add_child(_nodes[player])
	_on_status_changed(player)
	_on_data_changed(player)
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


func _on_data_changed(player: LobbyPlayer) -> void:
	var node := node_of(player)
	if node != null and node.has_method(&"set_lobby_data"):
		node.call(&"set_lobby_data", player.data)
