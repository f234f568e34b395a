class_name Arguments
extends RefCounted
## What is said after [code]--[/code] on the command line:
## [code]--lobby=URL --name=NAME --zone=main|lobby --autopilot --offline --silent[/code]

## Address of the lobby; empty for what the addon's settings say.
var lobby := ""
## Your name; empty for the one that is kept.
var name := ""
## The zone to begin in.
var zone := "main"
## Whether the ship flies by itself.
var autopilot := false
## Whether the game keeps away from the network.
var offline := false
## Whether there is no sound.
var silent := false


## What was said when this game was started.
static func of_this_game() -> Arguments:
	return Arguments.new(OS.get_cmdline_user_args())


## Takes in [param words]; those of others are not minded.
func _init(words: PackedStringArray = []) -> void:
	for word in words:
		var parts := word.trim_prefix("--").split("=", true, 1)
		match parts[0]:
			"lobby", "name", "zone":
				set(parts[0], parts[1] if parts.size() > 1 else "")
			"autopilot", "offline", "silent":
				set(parts[0], true)
