extends RefCounted

const Compact := preload("res://addons/lobby_presence/internal/compact.gd")
const VECTORS := "../../vectors/compact.json"


func test_the_vectors_that_all_clients_share_are_decoded() -> void:
	var script: GDScript = get_script()
	var folder := script.resource_path.get_base_dir()
	var streams: Array = JSON.parse_string(FileAccess.get_file_as_string(folder.path_join(VECTORS)))
	assert(streams.size() > 5)
	for stream: Dictionary in streams:
		var decoder := Compact.new()
		var frames: Array = stream.frames
		for frame: Dictionary in frames:
			var read := _read(decoder, frame)
			assert((read == null) == (frame.result == null), "%s: %s" % [stream.name, frame])
			if read != null:
				var expected: Dictionary = frame.result
				var ms: float = expected.t
				assert(
					read.ms == int(ms) and _whole(read) == _ints(expected), "%s: %s, %s" % [stream.name, frame, _whole(read)]
				)


func test_any_bytes_are_a_frame_or_null() -> void:
	var numbers := RandomNumberGenerator.new()
	numbers.seed = 12
	var decoder := Compact.new()
	var frames := 0
	for i in 1_000:
		var bytes: PackedByteArray = [1]
		for j in numbers.randi_range(0, 60):
			bytes.append(numbers.randi_range(0, 255))
		frames += 0 if decoder.decode(bytes) == null else 1
	assert(frames > 10)


func _read(decoder: Compact, frame: Dictionary) -> Compact.Frame:
	var shown: String = frame.get("text", frame.get("hex", ""))
	return decoder.decode_text(shown) if frame.has("text") else decoder.decode(shown.hex_decode())


func _whole(frame: Compact.Frame) -> Array:
	return frame.entries.map(
		func(one: Compact.Values) -> Array: return [one.n, one.x, one.y, one.vx, one.vy, one.h, one.seq, one.t, one.z, one.vz]
	)


func _ints(expected: Dictionary) -> Array:
	var entries: Array = expected.entries
	return entries.map(func(entry: Array) -> Array: return entry.map(func(value: float) -> int: return int(value)))
