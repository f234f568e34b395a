extends RefCounted

const SenderClock := preload("res://addons/lobby_presence/internal/sender_clock.gd")


func test_a_clock_is_unwrapped_after_a_silence_of_many_turns() -> void:
	var clock := SenderClock.new()
	clock.received(1_000, 50.0)
	assert(clock.received((1_000 + 400_000) % 65_536, 400_050.0) == 401_000.0)
	assert(not clock.is_new)


func test_the_fastest_message_sets_the_offset_and_old_ones_are_forgotten() -> void:
	var clock := SenderClock.new()
	var chance := RandomNumberGenerator.new()
	chance.seed = 9
	for t in range(0, 20_000, 200):
		clock.received(t, t + 500.0 + 50.0 * chance.randf())
	assert(absf(clock.offset_ms - 500.0) < 5.0)
	for t in range(20_000, 90_000, 200):
		clock.received(t % 65_536, t + 560.0 + 50.0 * chance.randf())  # the way became longer
	assert(absf(clock.offset_ms - 560.0) < 5.0)


func test_the_first_message_starts_a_clock_and_an_impossible_one_starts_another() -> void:
	var clock := SenderClock.new()
	assert(clock.received(40_000, 100_000.0) == 40_000.0)
	assert(clock.is_new)
	clock.received(40_200, 100_200.0)
	assert(not clock.is_new)
	assert(clock.received(300, 105_000.0) == 300.0 + 65_536.0)
	assert(clock.is_new)
	clock.received(500, 105_200.0)
	assert(not clock.is_new)


func test_a_clock_without_a_modulus_is_used_as_it_is() -> void:
	var clock := SenderClock.new(0)
	assert(clock.received(1.7e12, 5.0) == 1.7e12)
	assert(clock.received(1.7e12 + 100.0, 105.0) == 1.7e12 + 100.0)
	assert(not clock.is_new)
