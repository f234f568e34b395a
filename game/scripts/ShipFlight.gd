class_name ShipFlight
extends RefCounted
## The flight model of a ship: controls in, position and velocity out. It uses no nodes.

## In units per second. Bots reach 15.
const TOP_SPEED := 14.0
const ACCELERATION := 16.0
## In radians per second, and in radians per second squared.
const TURNING := 1.7
const TURNING_CHANGE := 6.0
## Time constant with which the velocity follows the heading, in s. A ship slides a little in its turns.
const SLIDE_S := 0.22

var position := Vector2.ZERO
var velocity := Vector2.ZERO
var heading := 0.0
## In radians per second.
var turn := 0.0
## Along the heading, in units per second.
var speed := 0.0
var bounds := ZoneBounds.new()


## Places the ship at [param at] with a heading, at rest.
func place(at: Vector2, with_heading: float) -> void:
	position = at
	heading = with_heading
	velocity = Vector2.ZERO
	turn = 0.0
	speed = 0.0


## Advances by [param seconds].
func step(helm: Helm, seconds: float) -> void:
	turn = move_toward(turn, clampf(helm.turn, -1.0, 1.0) * TURNING, TURNING_CHANGE * seconds)
	heading = wrapf(heading + turn * seconds, -PI, PI)
	speed = move_toward(speed, clampf(helm.thrust, -0.3, 1.0) * TOP_SPEED, ACCELERATION * seconds)
	velocity = velocity.lerp(Vector2.from_angle(heading) * speed, 1.0 - exp(-seconds / SLIDE_S))
	if velocity.length() < 0.02 and speed == 0.0:
		velocity = Vector2.ZERO
	velocity = bounds.glided(position, velocity)
	position = bounds.kept(position + velocity * seconds)
