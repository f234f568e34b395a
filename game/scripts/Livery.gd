class_name Livery
extends RefCounted
## The colours of ships. Each player has its own colour, the same in every game, until it chooses another one.

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


## Returns the colour of the player [param id]: the one in its data, if it has chosen one.
static func of(id: String, data: Dictionary = {}) -> Color:
	return LobbyAvatar3D.colour_in(data, COLOURS[id.hash() % COLOURS.size()])


## Returns the colour that follows [param colour].
static func after(colour: Color) -> Color:
	return COLOURS[(COLOURS.find(colour) + 1) % COLOURS.size()]


## Returns the data of a player that has chosen [param colour].
static func as_data(colour: Color) -> Dictionary:
	return {"color": "#" + colour.to_html(false)}
