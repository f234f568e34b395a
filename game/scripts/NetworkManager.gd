extends Node
## The autoload [code]NetworkManager[/code]: whether this game uses the network, and the address of its lobby.

## Whether the game does not use the network. Set on the command line.
var is_offline := false
## Address of the lobby from the command line. Empty: none.
var lobby_url := ""


func _ready() -> void:
	var arguments := Arguments.of_this_game()
	is_offline = arguments.offline
	lobby_url = arguments.lobby
