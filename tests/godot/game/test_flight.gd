extends RefCounted

const STEP_S := 1.0 / 60.0


func test_a_ship_reaches_its_top_speed_and_not_more() -> void:
	var flight := ShipFlight.new()
	var helm := Helm.new()
	helm.thrust = 9.0
	_fly(flight, helm, 3.0)
	assert(absf(flight.velocity.length() - ShipFlight.TOP_SPEED) < 0.01)
	assert(flight.velocity.angle() == 0.0 and flight.position.x > 20.0 and flight.position.y == 0.0)


func test_a_ship_comes_to_rest_when_the_controls_are_released() -> void:
	var flight := ShipFlight.new()
	var helm := Helm.new()
	helm.thrust = 1.0
	helm.turn = 1.0
	_fly(flight, helm, 1.5)
	helm.rest()
	_fly(flight, helm, 4.0)
	assert(flight.velocity == Vector2.ZERO and flight.turn == 0.0)
	var at := flight.position
	_fly(flight, helm, 1.0)
	assert(flight.position == at)


func test_a_ship_turns_right_and_its_velocity_follows_its_heading() -> void:
	var flight := ShipFlight.new()
	var helm := Helm.new()
	helm.thrust = 1.0
	_fly(flight, helm, 1.0)
	helm.turn = 1.0
	_fly(flight, helm, 0.5)
	assert(flight.heading > 0.3 and flight.position.y > 0.0)
	assert(flight.velocity.angle() > 0.0 and flight.velocity.angle() < flight.heading)


func test_the_length_of_a_step_makes_little_difference() -> void:
	var ends := PackedVector2Array()
	for step_s: float in [1.0 / 30.0, 1.0 / 60.0, 1.0 / 240.0]:
		var flight := ShipFlight.new()
		var helm := Helm.new()
		helm.thrust = 1.0
		helm.turn = 0.5
		_fly(flight, helm, 2.0, step_s)
		ends.append(flight.position)
	assert(ends[0].distance_to(ends[2]) < 0.7 and ends[1].distance_to(ends[2]) < 0.35)


func test_fly_to_arrives_and_stops() -> void:
	for goal: Vector2 in [Vector2(30.0, 0.0), Vector2(-30.0, 5.0), Vector2(0.0, -50.0)]:
		var flight := ShipFlight.new()
		var helm := Helm.new()
		for i in 900:
			helm.fly_to(goal, flight.position, flight.heading)
			flight.step(helm, STEP_S)
		assert(flight.position.distance_to(goal) < 2.5, str(flight.position))
		assert(flight.velocity.length() < 0.5)


func test_the_autopilot_stays_within_the_zone() -> void:
	for number in 12:
		var flight := ShipFlight.new()
		flight.bounds = ZoneBounds.new(80.0)
		flight.place(Vector2(0.0, 46.0), -PI / 2.0)
		var helm := Helm.new()
		var autopilot := Autopilot.new(number)
		var way := 0.0
		for i in 7_200:
			var before := flight.position
			autopilot.steer(helm, flight, STEP_S)
			flight.step(helm, STEP_S)
			way += before.distance_to(flight.position)
			assert(flight.position.length() < 80.0)
		assert(way > 400.0)


func test_the_autopilot_flies_to_a_goal() -> void:
	var flight := ShipFlight.new()
	var helm := Helm.new()
	var autopilot := Autopilot.new(1)
	autopilot.goal = Vector2(20.0, 60.0)
	for i in 900:
		autopilot.steer(helm, flight, STEP_S)
		flight.step(helm, STEP_S)
	assert(flight.position.distance_to(autopilot.goal) < 3.0)


func _fly(flight: ShipFlight, helm: Helm, seconds: float, step_s := STEP_S) -> void:
	for i in roundi(seconds / step_s):
		flight.step(helm, step_s)
