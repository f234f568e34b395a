extends RefCounted
## Internal: one WebSocket that sends texts and receives whole messages. A thin layer over [WebSocketPeer]; tests use a fake.

@warning_ignore_start("return_value_discarded")

const _LobbyCompact := preload("compact.gd")

## Largest message, in bytes: the [code]welcome[/code] of some 5,000 players.
const INBOUND_BYTES := 1 << 20
## If more bytes than this wait to be sent, messages that a newer one will replace are not sent at all.
const BACKLOG_BYTES := 16_384
## Interval of the WebSocket's own pings, in s. A connection without an answer is closed. Web exports do not have them.
const HEARTBEAT_S := 20.0

var _peer := WebSocketPeer.new()


## Starts to connect. [method is_open] or [method is_closed] is true after some polls.
func open(url: String) -> Error:
	_peer.inbound_buffer_size = INBOUND_BYTES
	_peer.heartbeat_interval = HEARTBEAT_S
	return _peer.connect_to_url(url)


## Sends and receives. Call it every frame until the socket is closed.
func poll() -> void:
	_peer.poll()


## Whether texts can be sent.
func is_open() -> bool:
	return _peer.get_ready_state() == WebSocketPeer.STATE_OPEN


## Whether the socket is closed.
func is_closed() -> bool:
	return _peer.get_ready_state() == WebSocketPeer.STATE_CLOSED


## Whether too many bytes wait to be sent.
func is_slow() -> bool:
	return _peer.get_current_outbound_buffered_amount() > BACKLOG_BYTES


## Returns the first messages, at most [param most], that were received and not taken yet. A binary message is in the form that
## it has on hosts that carry text only.
func take(most: int) -> PackedStringArray:
	var texts: PackedStringArray = []
	while texts.size() < most and _peer.get_available_packet_count() > 0:
		var packet := _peer.get_packet()
		if _peer.was_string_packet():
			texts.append(packet.get_string_from_utf8())
		else:
			texts.append(_LobbyCompact.as_text(packet))
	return texts


## Sends a text.
func send(text: String) -> void:
	_peer.send_text(text)


## Starts the close handshake. Poll the socket until it is closed.
func close() -> void:
	_peer.close(1000, "bye")


## Returns the close code; -1 if the connection broke off.
func close_code() -> int:
	return _peer.get_close_code()


## Returns the reason that came with the close, for people.
func close_reason() -> String:
	return _peer.get_close_reason()
