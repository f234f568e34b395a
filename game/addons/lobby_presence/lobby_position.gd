class_name LobbyPosition
extends RefCounted
## Where a player is and how it moves, as its game sent it.
##
## [member position] is in the plane of the lobby, and [member z] is the height above it. In a 3D game the plane is
## [code]x[/code] and [code]z[/code] of the scene, and the height is its [code]y[/code], unless [member LobbySettings.axes]
## changes that.

## In units of your game.
var position := Vector2.ZERO
## In units per second. Zero means at rest.
var velocity := Vector2.ZERO
## In radians. 0 points along +X.
var heading := 0.0
## Height, in units of your game. 0 also if the game sends none: see [member LobbyPlayer.has_height].
var z := 0.0
## Velocity of the height, in units per second.
var vz := 0.0
## Number of the position. It rises with every position of a player. 0: the player's client does not number positions.
var seq := 0
## When the position was taken, on the clock of the player's game, in ms modulo 65,536. 0: unknown.
var t := 0


func _init(at := Vector2.ZERO, with_velocity := Vector2.ZERO, with_heading := 0.0, with_z := 0.0, with_vz := 0.0) -> void:
	position = at
	velocity = with_velocity
	heading = with_heading
	z = with_z
	vz = with_vz


## Whether the player is at rest: its velocity is zero.
func is_at_rest() -> bool:
	return velocity == Vector2.ZERO and vz == 0.0


## Returns the position [param seconds] later if the player keeps its velocity.
func predicted(seconds: float) -> Vector2:
	return position + velocity * seconds


## Returns position and height as one vector: [code]x[/code], [code]y[/code] and [code]z[/code] of the lobby, in units.
func place() -> Vector3:
	return Vector3(position.x, position.y, z)


## Returns the velocities as one vector, in units per second.
func flow() -> Vector3:
	return Vector3(velocity.x, velocity.y, vz)


## Where to draw a player in one frame. See [method LobbyPlayer.drawn].
class Drawn:
	extends RefCounted
	## In units of your game.
	var position := Vector2.ZERO
	## In units per second. Zero at rest.
	var velocity := Vector2.ZERO
	## Height, in units of your game. 0 if the player's game sends none.
	var z := 0.0
	## Velocity of the height, in units per second. Zero at rest.
	var vz := 0.0
	## Whether the player's game sends a height. See [member LobbyPlayer.has_height].
	var has_height := false
	## In radians. If the player's game never sends a heading, this is the direction of movement.
	var heading := 0.0
	## Whether the player's game has sent a heading other than 0.
	var has_heading := false
	## How far in the past the player is drawn, in ms. NAN at rest.
	var late_ms := NAN
	## Whether the player stays here until a new position arrives.
	var is_still := true
