class_name Livery
extends RefCounted
## The colours of ships. Each player has its own colour, the same in every game.

const COLOURS: Array[Color] = [
	Color("4fd8ff"),
	Color("ff7a59"),
	Color("9d7bff"),
	Color("b6f25c"),
	Color("ff6ad5"),
	Color("3fe0cf"),
	Color("ffb347"),
	Color("5b9bff"),
	Color("ff5f86"),
	Color("5ff0a8"),
	Color("d69bff"),
	Color("ffd95e"),
]


## Returns the colour of the player [param id].
static func of(id: String) -> Color:
	return COLOURS[id.hash() % COLOURS.size()]
