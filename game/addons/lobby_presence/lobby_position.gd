class_name LobbyMove
extends RefCounted
## Where a player stands and how it moves, as its player said: one [code]pos[/code].

## In your game's units.
var position := Vector2.ZERO
## In units per second.
var velocity := Vector2.ZERO
## In radians.
var heading := 0.0
## Rises with every position of one player; 0 where the player does not count.
var seq := 0
## The player's own clock in ms, modulo 65,536; 0 where it gives none.
var t := 0


func _init(at := Vector2.ZERO, with_velocity := Vector2.ZERO, with_heading := 0.0) -> void:
	position = at
	velocity = with_velocity
	heading = with_heading


## Whether the player stands still.
func rests() -> bool:
	return velocity == Vector2.ZERO


## Where this leads in [param seconds] without doing anything.
func straight(seconds: float) -> Vector2:
	return position + velocity * seconds
