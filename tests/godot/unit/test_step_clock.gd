extends RefCounted

const StepClock := preload("res://addons/lobby_presence/internal/step_clock.gd")


func test_steps_that_run_together_get_evenly_spaced_times() -> void:
	var clock := StepClock.new()
	var before := NAN
	for step in 600:
		# Frames of 33 ms with two steps each.
		clock.step(1000.0 / 60.0, 33.333 * floorf(step / 2.0))
		if step > 100:
			assert(absf(clock.now_ms - before - 16.667) < 0.5)
			assert(absf(clock.now_ms - 16.667 * step) < 20.0)
		before = clock.now_ms


func test_the_clock_of_a_slow_game_stays_near_the_wall_clock() -> void:
	var clock := StepClock.new()
	for step in 600:
		clock.step(1000.0 / 60.0, 25.0 * step)
	assert(absf(clock.now_ms - 25.0 * 599) < 450.0)


func test_after_a_stop_the_clock_jumps_to_the_wall_clock() -> void:
	var clock := StepClock.new()
	clock.step(16.0, 1_000.0)
	assert(clock.now_ms == 1_000.0)
	clock.step(16.0, 9_000.0)
	assert(clock.now_ms == 9_000.0)
