class_name ShipFlight
extends RefCounted
## How a ship moves: what the helm wants in, place and velocity out. Pure.

## Slower than the bots, who are up to 15 units a second.
const TOP_SPEED := 14.0
const ACCELERATION := 16.0
## Radians a second, and how fast that changes.
const TURNING := 1.7
const TURNING_CHANGE := 6.0
## A ship slides a little in its turns: with this time constant its way follows its nose.
const SLIDE_S := 0.22

var position := Vector2.ZERO
var velocity := Vector2.ZERO
var heading := 0.0
## Radians a second.
var turn := 0.0
## Along the nose, in units a second.
var speed := 0.0
var bounds := ZoneBounds.new()


## Stands at [param at] and looks to [param with_heading].
func place(at: Vector2, with_heading: float) -> void:
	position = at
	heading = with_heading
	velocity = Vector2.ZERO
	turn = 0.0
	speed = 0.0


## Goes on for [param seconds].
func step(helm: Helm, seconds: float) -> void:
	turn = move_toward(turn, clampf(helm.turn, -1.0, 1.0) * TURNING, TURNING_CHANGE * seconds)
	heading = wrapf(heading + turn * seconds, -PI, PI)
	speed = move_toward(speed, clampf(helm.thrust, -0.3, 1.0) * TOP_SPEED, ACCELERATION * seconds)
	velocity = velocity.lerp(Vector2.from_angle(heading) * speed, 1.0 - exp(-seconds / SLIDE_S))
	if velocity.length() < 0.02 and speed == 0.0:
		velocity = Vector2.ZERO
	velocity = bounds.glided(position, velocity)
	position = bounds.kept(position + velocity * seconds)
