extends RefCounted


func test_positions_are_kept_within_a_zone() -> void:
	var bounds := ZoneBounds.new(80.0)
	assert(bounds.kept(Vector2(30.0, -40.0)) == Vector2(30.0, -40.0))
	assert(bounds.kept(Vector2(300.0, -400.0)).is_equal_approx(Vector2(48.0, -64.0)))
	assert(bounds.kept(Vector2(NAN, 1.0)) == Vector2.ZERO)


func test_a_ship_that_flies_into_the_wall_glides_along_it() -> void:
	var bounds := ZoneBounds.new(80.0)
	assert(bounds.glided(Vector2(80.0, 0.0), Vector2(5.0, 3.0)).is_equal_approx(Vector2(0.0, 3.0)))
	assert(bounds.glided(Vector2(80.0, 0.0), Vector2(-5.0, 3.0)) == Vector2(-5.0, 3.0))
	assert(bounds.glided(Vector2(10.0, 0.0), Vector2(5.0, 3.0)) == Vector2(5.0, 3.0))


func test_a_ship_appears_at_the_place_with_most_room() -> void:
	var places: PackedVector2Array = [Vector2(0.0, 0.0), Vector2(20.0, 0.0), Vector2(0.0, 20.0)]
	assert(SpawnPoints.roomiest(places, []) == 0)
	assert(SpawnPoints.roomiest(places, [Vector2(1.0, 1.0)]) == 1)
	assert(SpawnPoints.roomiest(places, [Vector2(1.0, 1.0), Vector2(18.0, 0.0)]) == 2)


func test_a_passage_darkens_leaves_waits_arrives_and_lightens() -> void:
	var passage := ZonePassage.new()
	assert(passage.advance(1.0, true) == ZonePassage.Step.NOTHING and passage.darkness == 0.0)
	assert(passage.begin(&"lobby") and passage.is_on)
	assert(passage.advance(ZonePassage.DARKEN_S / 2.0, false) == ZonePassage.Step.NOTHING)
	assert(is_equal_approx(passage.darkness, 0.5))
	assert(passage.advance(ZonePassage.DARKEN_S, false) == ZonePassage.Step.LEAVE)
	assert(passage.darkness == 1.0)
	for i in 3:
		assert(passage.advance(0.05, false) == ZonePassage.Step.NOTHING)
	assert(is_equal_approx(passage.dark_s, 0.15))
	assert(passage.advance(0.05, true) == ZonePassage.Step.ARRIVE)
	assert(passage.advance(ZonePassage.LIGHTEN_S / 2.0, true) == ZonePassage.Step.NOTHING)
	assert(is_equal_approx(passage.darkness, 0.5) and passage.is_on)
	assert(passage.advance(ZonePassage.LIGHTEN_S, true) == ZonePassage.Step.END)
	assert(passage.darkness == 0.0 and not passage.is_on)
	assert(passage.advance(1.0, true) == ZonePassage.Step.NOTHING)


func test_a_passage_under_way_cannot_be_changed() -> void:
	var passage := ZonePassage.new()
	passage.begin(&"lobby")
	assert(not passage.begin(&"main") and passage.goal == &"lobby")
	while passage.is_on:
		passage.advance(0.1, true)
	assert(passage.begin(&"main") and passage.goal == &"main")


func test_the_first_passage_starts_in_the_dark() -> void:
	var passage := ZonePassage.new()
	passage.begin(&"main", true)
	assert(passage.darkness == 1.0)
	assert(passage.advance(0.01, false) == ZonePassage.Step.LEAVE)


func test_a_passage_takes_every_step_once_with_frames_of_any_length() -> void:
	for seconds: float in [0.001, 0.016, 0.3, 5.0]:
		var passage := ZonePassage.new()
		var steps: Array[ZonePassage.Step] = []
		passage.begin(&"lobby")
		while passage.is_on:
			var step := passage.advance(seconds, true)
			if step != ZonePassage.Step.NOTHING:
				steps.append(step)
		assert(steps == [ZonePassage.Step.LEAVE, ZonePassage.Step.ARRIVE, ZonePassage.Step.END])


func test_of_names_that_overlap_the_nearest_is_shown() -> void:
	var near := Rect2(0.0, 0.0, 100.0, 20.0)
	var behind := Rect2(50.0, 10.0, 100.0, 20.0)
	var beside := Rect2(120.0, 0.0, 100.0, 20.0)
	assert(Nameplate3D.free_of_others([near, behind, beside]) == [true, false, true])
	assert(Nameplate3D.free_of_others([behind, near, beside]) == [true, false, false])
	assert(Nameplate3D.free_of_others([]).is_empty())
	assert(Nameplate3D.free_of_others([Rect2(), Rect2(), near]) == [true, true, true])


func test_a_name_is_hidden_very_close_to_the_camera_and_very_far_from_it() -> void:
	assert(Nameplate3D.clearness(0.0) == 0.0 and Nameplate3D.clearness(Nameplate3D.CLOSE) == 0.0)
	assert(Nameplate3D.clearness(1.5 * Nameplate3D.CLOSE) == 0.5)
	assert(Nameplate3D.clearness(ChaseCamera.BEHIND) == 1.0)
	assert(Nameplate3D.clearness(Nameplate3D.FAR) == 0.0 and Nameplate3D.clearness(1_000.0) == 0.0)
