extends RefCounted
## Internal: the data of players and of events: objects of JSON. A change is a JSON merge patch (RFC 7396).

@warning_ignore_start("return_value_discarded")

const _LobbyConstants := preload("constants.gd")
const _LobbyText := preload("text.gd")

## Whole numbers up to this have no decimal point.
const WHOLE_MOST := 1e15


## Returns data that arrived. Empty if it is larger or deeper nested than any lobby stores.
static func bounded(data: Dictionary) -> Dictionary:
	return data if _bytes(data, 1) <= _LobbyConstants.DATA_BYTES_MOST else {}


## Returns data of the game as values of JSON: whole numbers are ints, and unsafe characters are spaces. Null if a value has no
## form in JSON, or is nested too deep.
static func plain(data: Dictionary) -> Variant:
	var wrong: Array[Variant] = []
	var found: Variant = _plain(data, 1, wrong)
	return found if wrong.is_empty() else null


## Whether the merge patch [param patch] changes [param data].
static func changes(data: Dictionary, patch: Dictionary) -> bool:
	return plain(merged(data, patch)) != plain(data)


## Returns [param data] after the merge patch [param patch].
static func merged(data: Dictionary, patch: Dictionary) -> Dictionary:
	var found := data.duplicate()
	for key: Variant in patch:
		if patch[key] == null:
			found.erase(key)
		elif patch[key] is Dictionary:
			found[key] = merged(_object(found.get(key)), _object(patch[key]))
		else:
			found[key] = patch[key]
	return found


## Returns one merge patch that does what [param first] and then [param second] do.
static func combined(first: Dictionary, second: Dictionary) -> Dictionary:
	var found := first.duplicate()
	for key: Variant in second:
		var are_both := found.get(key) is Dictionary and second[key] is Dictionary
		found[key] = combined(_object(found[key]), _object(second[key])) if are_both else second[key]
	return found


static func _object(value: Variant) -> Dictionary:
	return value if value is Dictionary else {}


static func _plain(value: Variant, depth: int, wrong: Array[Variant]) -> Variant:
	if depth > _LobbyConstants.DATA_DEPTH and (value is Dictionary or value is Array):
		wrong.append(value)
		return null
	match typeof(value):
		TYPE_NIL, TYPE_BOOL, TYPE_INT:
			return value
		TYPE_STRING, TYPE_STRING_NAME:
			return _LobbyText.readable(str(value))
		TYPE_FLOAT:
			var number: float = value
			if number == floorf(number) and absf(number) < WHOLE_MOST:
				return int(number)
			if is_finite(number):
				return number
		TYPE_ARRAY:
			var items: Array = value
			return items.map(func(item: Variant) -> Variant: return _plain(item, depth + 1, wrong))
		TYPE_DICTIONARY:
			var members: Dictionary = value
			var found := {}
			for key: Variant in members:
				found[_LobbyText.readable(str(key))] = _plain(members[key], depth + 1, wrong)
			return found
	wrong.append(value)
	return null


## Returns the length of a value of JSON as the lobby writes it, in bytes: whole numbers without a point, and no spaces.
static func _bytes(value: Variant, depth: int) -> int:
	var count := 0
	if depth > _LobbyConstants.DATA_DEPTH and (value is Dictionary or value is Array):
		return int(_LobbyConstants.DATA_BYTES_MOST) + 1
	if value is Dictionary:
		var members: Dictionary = value
		count = 1 + maxi(1, members.size())  # the brackets, and the commas
		for key: String in members:
			count += _bytes(key, depth) + 1 + _bytes(members[key], depth + 1)
	elif value is Array:
		var items: Array = value
		count = 1 + maxi(1, items.size())
		for item: Variant in items:
			count += _bytes(item, depth + 1)
	else:
		var text := JSON.stringify(value)
		count = (text.trim_suffix(".0") if value is float else text).to_utf8_buffer().size()
	return count
