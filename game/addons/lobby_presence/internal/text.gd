extends RefCounted
## Internal: rules for the texts of the protocol: ids, names, statuses and sentences.

const _LobbyConstants := preload("constants.gd")

static var _id := RegEx.create_from_string("^[A-Za-z0-9_.:|@-]{1,64}\\z")
# Control characters, and characters that reverse the reading direction. They could make the rest of a line unreadable.
static var _unreadable := RegEx.create_from_string(
	"[\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}\\x{202a}-\\x{202e}\\x{2066}-\\x{2069}\\x{200e}\\x{200f}\\x{61c}]"
)


## Whether [param text] is valid as the id of a player or a room: 1 to 64 characters out of
## [code]A-Z a-z 0-9 _ . : | @ -[/code].
static func is_id(text: String) -> bool:
	return _id.search(text) != null


## Returns [param text] as one readable line of at most [param most] characters. Unsafe characters become spaces.
static func one_line(text: String, most := _LobbyConstants.TEXT_CHARACTERS) -> String:
	return readable(text.left(4 * most)).strip_edges().left(most)


## Returns [param text] with a space in place of each unsafe character.
static func readable(text: String) -> String:
	return _unreadable.sub(text, " ", true)
