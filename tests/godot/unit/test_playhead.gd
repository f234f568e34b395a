extends RefCounted

const Playhead := preload("res://addons/lobby_presence/internal/playhead.gd")
const Constants := preload("res://addons/lobby_presence/internal/constants.gd")
const FRAME_MS := 1000.0 / 60.0


func test_the_delay_follows_the_latest_message_of_the_last_seconds_within_bounds() -> void:
	var head := Playhead.new()
	assert(head.delay_ms == Constants.TRACK_DELAY_START_MS)
	for i in 10:
		head.need(20.0, 200.0 * i)
	assert(head.delay_ms == Constants.TRACK_DELAY_LEAST_MS)
	head.need(300.0, 2_000.0)
	assert(head.delay_ms == 300.0 + Constants.TRACK_DELAY_SPARE_MS)
	head.need(5_000.0, 2_200.0)
	assert(head.delay_ms == Constants.TRACK_DELAY_MOST_MS)
	for i in range(11, 250):
		head.need(150.0, 200.0 * i)
	assert(head.delay_ms == 150.0 + Constants.TRACK_DELAY_SPARE_MS)


func test_a_longer_delay_is_reached_by_playing_slower_and_a_shorter_one_by_playing_faster() -> void:
	var head := Playhead.new()
	var here := 0.0
	for i in 100:
		here = i * FRAME_MS
		head.play(FRAME_MS, here)
	assert(is_equal_approx(here - head.at_ms, 250.0))
	head.need(400.0, here)
	head.play(FRAME_MS, here + FRAME_MS)
	assert(is_equal_approx(here + FRAME_MS - head.at_ms, 250.0 + Constants.TRACK_SLOWER * FRAME_MS))
	for i in 200:
		here += FRAME_MS
		head.play(FRAME_MS, here)
	assert(absf(here - head.at_ms - 408.0) < FRAME_MS)


func test_at_rest_a_new_delay_applies_at_once() -> void:
	var head := Playhead.new()
	head.play(0.0, 1_000.0)
	head.need(600.0, 1_000.0)
	head.play(FRAME_MS, 1_000.0 + FRAME_MS, 700.0)
	assert(head.at_ms == 700.0)


func test_a_playhead_that_is_far_off_jumps() -> void:
	var head := Playhead.new()
	head.play(0.0, 1_000.0)
	head.play(FRAME_MS, 9_000.0)
	assert(head.at_ms == 9_000.0 - 250.0)
