class_name LobbyErrors
extends RefCounted
## Why connections end, and whether to come back.

## By the code of an [code]error[/code]: the close code that goes with it, whether to come back, and what it means.
const CODES: Dictionary[String, Array] = {
	# codes: made from backend/lobby/errors.py by scripts/docs.py
	"restarting": [4000, true, "the server is restarting"],
	"silent": [4001, true, "nothing was received from you for two heartbeats"],
	"slow_reader": [4002, true, "you read too slowly; too many messages were waiting for you"],
	"flood": [4003, true, "you kept sending far above the limit"],
	"room_full": [4004, true, "the room is full"],
	"too_many_connections": [4005, true, "too many connections from your address, or of this player"],
	"over_budget": [4006, true, "the lobby has spent its budget for today; connected players may stay"],
	"taken_over": [4500, false, "the same player connected again; the newer connection stays"],
	"unauthorized": [4501, false, "a token is needed, or this one is not valid"],
	"token_expired": [4502, false, "the token has expired; fetch a new one"],
	"forbidden": [4503, false, "the token is for another player or another room"],
	"origin_not_allowed": [4504, false, "pages from this origin may not connect"],
	"bad_handshake": [4505, false, "pid, room, name or v in the address is not valid; the text says which"],
	"kicked": [4506, false, "an operator of the lobby removed you"],
	"banned": [4507, false, "an operator of the lobby has banned you; the text says until when"],
	"room_closed": [4508, false, "an operator of the lobby closed this room"],
	"invitation_needed": [4509, false, "this room needs a token that names it: a token for any room is not enough"],
	"binary": [1003, true, "the lobby does not accept binary frames"],
	"bad_text": [1007, true, "the text is not UTF-8"],
	"too_large_frame": [1009, true, "a frame or a message of over 32 KiB, or a message of over 128 fragments"],
	"bad_frame": [1002, true, "a frame breaks the WebSocket protocol (RFC 6455)"],
	# end of codes
}
## Close codes of others.
const CLOSES: Dictionary[int, String] = {
	-1: "the connection broke off",
	1000: "the lobby closed the connection",
	1001: "the lobby is going away",
	1006: "the connection broke off",
	1009: "a message was too large",
	1011: "the lobby had an error",
	1012: "the lobby restarts",
	1013: "the lobby is busy",
}
## The lobby's own close codes begin here. From [constant FIRST_FINAL] on they mean: do not come back until the player, the
## token or the address has changed.
const FIRST := 4000
const FIRST_FINAL := 4500
const LAST := 4999


## Whether the error [param code] ends a connection.
static func ends(code: String) -> bool:
	return CODES.has(code)


## Whether [param close_code] is one of the lobby's own, which say whether to come back.
static func is_own(close_code: int) -> bool:
	return close_code >= FIRST and close_code <= LAST


## Whether there is no point in coming back after [param close_code], or where that does not say it, after the error
## [param code].
static func is_final(code: String, close_code: int) -> bool:
	if is_own(close_code):
		return close_code >= FIRST_FINAL
	return CODES.has(code) and not CODES[code][1]


## The error that closes with [param close_code]; empty where none does.
static func code_of(close_code: int) -> String:
	for code in CODES:
		if CODES[code][0] == close_code and close_code >= FIRST:
			return code
	return ""


## What an end means, for people.
static func meaning(code: String, close_code: int) -> String:
	if CODES.has(code):
		return CODES[code][2]
	return CLOSES.get(close_code, "the connection was closed with %d" % close_code)
