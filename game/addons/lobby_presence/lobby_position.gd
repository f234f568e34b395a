class_name LobbyPosition
extends RefCounted
## Where a player is and how it moves, as its game sent it.
##
## A 3D game sends its [code]x[/code] and [code]z[/code] coordinates as [code]x[/code] and [code]y[/code]. The lobby knows no
## height.

## In units of your game.
var position := Vector2.ZERO
## In units per second. Zero means at rest.
var velocity := Vector2.ZERO
## In radians. 0 points along +X.
var heading := 0.0
## Number of the position. It rises with every position of a player. 0: the player's client does not number positions.
var seq := 0
## When the position was taken, on the clock of the player's game, in ms modulo 65,536. 0: unknown.
var t := 0


func _init(at := Vector2.ZERO, with_velocity := Vector2.ZERO, with_heading := 0.0) -> void:
	position = at
	velocity = with_velocity
	heading = with_heading


## Whether the player is at rest: its velocity is zero.
func is_at_rest() -> bool:
	return velocity == Vector2.ZERO


## Returns the position [param seconds] later if the player keeps its velocity.
func predicted(seconds: float) -> Vector2:
	return position + velocity * seconds


## Where to draw a player in one frame. See [method LobbyPlayer.drawn].
class Drawn:
	extends RefCounted
	## In units of your game.
	var position := Vector2.ZERO
	## In units per second. Zero at rest.
	var velocity := Vector2.ZERO
	## In radians. If the player's game never sends a heading, this is the direction of movement.
	var heading := 0.0
	## How far in the past the player is drawn, in ms. NAN at rest.
	var late_ms := NAN
	## Whether the player stays here until a new position arrives.
	var is_still := true
