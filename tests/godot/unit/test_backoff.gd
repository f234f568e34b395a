extends RefCounted

const Backoff := preload("res://addons/lobby_presence/internal/backoff.gd")


func test_pauses_grow_up_to_half_a_minute() -> void:
	var backoff := Backoff.new()
	var pauses: Array[float] = []
	for i in 20:
		pauses.append(backoff.pause_ms(0.0, 1.0))
	assert(pauses.slice(0, 4) == [500.0, 1000.0, 2000.0, 4000.0])
	assert(pauses.max() == 30_000.0 and pauses[-1] == 30_000.0)


func test_a_pause_may_have_any_length_up_to_its_limit() -> void:
	assert(Backoff.new().pause_ms(0.0, 0.0) == 0.0)
	assert(Backoff.new().pause_ms(0.0, 0.5) == 250.0)


func test_a_connection_that_lived_resets_the_pauses() -> void:
	var backoff := Backoff.new()
	for i in 10:
		backoff.pause_ms(0.0, 1.0)
	assert(backoff.pause_ms(4_999.0, 1.0) == 30_000.0)
	assert(backoff.pause_ms(5_000.0, 1.0) == 500.0)


func test_reset_makes_the_next_pause_short() -> void:
	var backoff := Backoff.new()
	for i in 10:
		backoff.pause_ms(0.0, 1.0)
	backoff.reset()
	assert(backoff.pause_ms(0.0, 1.0) == 500.0)
