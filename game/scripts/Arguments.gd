class_name Arguments
extends RefCounted
## The arguments after [code]--[/code] on the command line:
## [code]--lobby=URL --name=NAME --zone=main|lobby --autopilot --offline --silent[/code]

## Address of the lobby. Empty: the addon's settings.
var lobby := ""
## Name of the player. Empty: the stored one.
var name := ""
## The zone in which the game starts.
var zone := "main"
## Whether the ship flies by itself.
var autopilot := false
## Whether the game does not use the network.
var offline := false
## Whether there is no sound.
var silent := false


## Returns the arguments of this game.
static func of_this_game() -> Arguments:
	return Arguments.new(OS.get_cmdline_user_args())


## Parses [param words]. Unknown ones are ignored.
func _init(words: PackedStringArray = []) -> void:
	for word in words:
		var parts := word.trim_prefix("--").split("=", true, 1)
		match parts[0]:
			"lobby", "name", "zone":
				set(parts[0], parts[1] if parts.size() > 1 else "")
			"autopilot", "offline", "silent":
				set(parts[0], true)
