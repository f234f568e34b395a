extends RefCounted

const Motion := preload("res://addons/lobby_presence/internal/motion.gd")
const FRAME_MS := 1000.0 / 60.0


func test_the_velocity_is_that_of_the_last_step() -> void:
	var motion := Motion.new()
	assert(motion.velocity(Vector3.ZERO, 0.0) == Vector3.ZERO)
	assert(motion.velocity(Vector3(0.2, 0.0, 0.0), FRAME_MS).is_equal_approx(Vector3(12.0, 0.0, 0.0)))
	assert(motion.velocity(Vector3(0.2, 0.1, 0.0), 2.0 * FRAME_MS).is_equal_approx(Vector3(0.0, 6.0, 0.0)))
	assert(motion.velocity(Vector3(0.2, 0.1, 0.0), 3.0 * FRAME_MS) == Vector3.ZERO)


func test_two_calls_in_one_step_return_the_same() -> void:
	var motion := Motion.new()
	motion.velocity(Vector3.ZERO, 0.0)
	motion.velocity(Vector3(1.0, 0.0, 0.0), 100.0)
	assert(motion.velocity(Vector3(1.0, 0.0, 0.0), 100.0).is_equal_approx(Vector3(10.0, 0.0, 0.0)))


func test_positions_far_apart_in_time_give_no_velocity() -> void:
	var motion := Motion.new()
	motion.velocity(Vector3.ZERO, 0.0)
	assert(motion.velocity(Vector3(2.0, 0.0, 0.0), 200.0) == Vector3.ZERO)


func test_a_teleport_gives_no_velocity() -> void:
	var motion := Motion.new()
	motion.velocity(Vector3.ZERO, 0.0)
	motion.velocity(Vector3(0.2, 0.0, 0.0), FRAME_MS)
	assert(motion.velocity(Vector3(500.0, 0.0, 0.0), 2.0 * FRAME_MS) == Vector3.ZERO)
	assert(motion.velocity(Vector3(500.2, 0.0, 0.0), 3.0 * FRAME_MS).distance_to(Vector3(12.0, 0.0, 0.0)) < 0.01)


func test_a_fast_game_in_pixels_has_no_teleports() -> void:
	var motion := Motion.new()
	for step in 3:
		motion.velocity(Vector3(5.0 * step, 0.0, 0.0), step * FRAME_MS)
	assert(motion.velocity(Vector3(15.0, 0.0, 0.0), 3.0 * FRAME_MS).is_equal_approx(Vector3(300.0, 0.0, 0.0)))
