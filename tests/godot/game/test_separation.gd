extends RefCounted

const APART := Separation.APART


func test_ships_that_are_far_enough_apart_stay_in_place() -> void:
	assert(Separation.offsets([]).is_empty())
	var places: PackedVector2Array = [Vector2(0.0, 0.0), Vector2(APART, 0.0), Vector2(0.0, APART), Vector2(40.0, 40.0)]
	for offset in Separation.offsets(places):
		assert(offset == Vector2.ZERO)


func test_two_ships_that_are_too_close_move_half_the_distance_each() -> void:
	var places: PackedVector2Array = [Vector2(1.0, 2.0), Vector2(2.0, 2.0)]
	var offsets := Separation.offsets(places)
	assert(offsets[0].is_equal_approx(Vector2(-2.0, 0.0)) and offsets[1].is_equal_approx(Vector2(2.0, 0.0)))


func test_ships_at_the_same_position_are_separated_always_in_the_same_way() -> void:
	var places: PackedVector2Array = [Vector2(3.0, 3.0), Vector2(3.0, 3.0)]
	var offsets := Separation.offsets(places)
	assert(is_equal_approx((places[0] + offsets[0]).distance_to(places[1] + offsets[1]), APART))
	assert(offsets == Separation.offsets(places))


func test_the_own_ship_stays_and_other_ships_move_the_whole_distance() -> void:
	var offsets := Separation.offsets([Vector2(1.0, 0.0), Vector2(30.0, 0.0)], Vector2.ZERO)
	assert(offsets[0].is_equal_approx(Vector2(APART - 1.0, 0.0)) and offsets[1] == Vector2.ZERO)


func test_no_ship_of_a_crowd_moves_farther_than_needed() -> void:
	var chance := RandomNumberGenerator.new()
	for seed_of in 40:
		chance.seed = seed_of
		var places := PackedVector2Array()
		for i in chance.randi_range(2, 50):
			places.append(Vector2(chance.randf_range(-20.0, 20.0), chance.randf_range(-20.0, 20.0)))
		var offsets := Separation.offsets(places)
		for i in places.size():
			var asked := 0.0
			for k in places.size():
				if k != i:
					asked += maxf(0.0, APART - places[i].distance_to(places[k])) / 2.0
			assert(offsets[i].length() <= asked + 0.001)


func test_the_result_does_not_depend_on_the_order_of_the_ships() -> void:
	var a := Separation.offsets([Vector2(0.0, 0.0), Vector2(1.0, 3.0), Vector2(-2.0, 1.0)])
	var b := Separation.offsets([Vector2(-2.0, 1.0), Vector2(0.0, 0.0), Vector2(1.0, 3.0)])
	assert(a[0].is_equal_approx(b[1]) and a[1].is_equal_approx(b[2]) and a[2].is_equal_approx(b[0]))
