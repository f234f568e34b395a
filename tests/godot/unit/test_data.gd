extends RefCounted

const Data := preload("res://addons/lobby_presence/internal/data.gd")
const Constants := preload("res://addons/lobby_presence/internal/constants.gd")


func test_a_merge_patch_does_what_the_examples_of_rfc_7396_show() -> void:
	for row: Array in [
		[{"a": "b"}, {"a": "c"}, {"a": "c"}],
		[{"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}],
		[{"a": "b"}, {"a": null}, {}],
		[{"a": "b", "b": "c"}, {"a": null}, {"b": "c"}],
		[{"a": ["b"]}, {"a": "c"}, {"a": "c"}],
		[{"a": "c"}, {"a": ["b"]}, {"a": ["b"]}],
		[{"a": {"b": "c"}}, {"a": {"b": "d", "c": null}}, {"a": {"b": "d"}}],
		[{"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}],
		[{}, {"a": {"bb": {"ccc": null}}}, {"a": {"bb": {}}}],
	]:
		var known: Dictionary = row[0]
		var patch: Dictionary = row[1]
		assert(Data.merged(known, patch) == row[2], str(row))
		assert(Data.merged({}, Data.combined(known, patch)) == row[2], str(row))


func test_two_patches_are_one() -> void:
	var both := Data.combined({"a": {"x": 1}, "b": 2}, {"a": {"y": null}, "b": null})
	assert(both == {"a": {"x": 1, "y": null}, "b": null})


func test_values_of_the_game_become_values_of_json() -> void:
	assert(Data.plain({"n": 5.0, "f": 0.5, "s": &"red", 7: [true, null]}) == {"n": 5, "f": 0.5, "s": "red", "7": [true, null]})
	assert(Data.plain({"a\nb": "c\u202ed"}) == {"a b": "c d"})
	for value: Variant in [NAN, INF, Vector2.ZERO, Color.RED, RefCounted.new(), _nested(Constants.DATA_DEPTH)]:
		assert(Data.plain({"value": [value]}) == null, str(value))
	var endless := {}
	endless["itself"] = endless
	assert(Data.plain(endless) == null)
	endless.clear()


func test_a_number_of_json_is_the_same_as_one_of_the_game() -> void:
	assert(not Data.changes({"hull": 2.0}, {"hull": 2}))
	assert(Data.changes({"hull": 2.0}, {"hull": 3}))
	assert(not Data.changes({"hull": 2.0}, {"gone": null}))


func test_data_that_no_lobby_stores_counts_as_empty() -> void:
	var name := "x".repeat(Constants.DATA_BYTES_MOST - 8)
	assert(Data.bounded({"a": name}) == {"a": name})  # {"a":""} has eight bytes
	assert(Data.bounded({"a": name + "x"}) == {})
	var numbers := PackedFloat64Array()
	numbers.resize(8_000)
	assert(Data.bounded({"a": Array(numbers)}) != {})  # a 0 has one byte
	assert(Data.bounded(_nested(Constants.DATA_DEPTH)) != {})
	assert(Data.bounded(_nested(Constants.DATA_DEPTH + 1)) == {})


func _nested(depth: int) -> Dictionary:
	var found := {}
	for i in depth - 1:
		found = {"a": found}
	return found
