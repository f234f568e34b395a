extends Logger
## Collects all errors and warnings of the engine and the scripts: script errors, failed asserts, push_error, push_warning.

@warning_ignore_start("return_value_discarded")

var _lines: PackedStringArray = []
var _mutex := Mutex.new()


func _log_error(
	function: String,
	file: String,
	line: int,
	code: String,
	rationale: String,
	_editor_notify: bool,
	_error_type: int,
	backtraces: Array[ScriptBacktrace]
) -> void:
	var text := "%s:%d in %s: %s" % [file, line, function, rationale if rationale else code]
	for trace in backtraces:
		text += "\n" + trace.format()
	_mutex.lock()
	_lines.append(text)
	_mutex.unlock()


func take() -> PackedStringArray:
	_mutex.lock()
	var taken := _lines.duplicate()
	_lines.clear()
	_mutex.unlock()
	return taken


func are_none() -> bool:
	_mutex.lock()
	var none := _lines.is_empty()
	_mutex.unlock()
	return none
