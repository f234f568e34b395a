extends Node
## The autoload [code]NetworkManager[/code]: whether this game may use the network, and where its lobby is. In a bigger game
## more would go through here.

## Whether the game keeps away from the network: the command line may say so.
var is_offline := false
## The lobby's address, where the command line names one.
var lobby_url := ""


func _ready() -> void:
	var said := Arguments.of_this_game()
	is_offline = said.offline
	lobby_url = said.lobby
