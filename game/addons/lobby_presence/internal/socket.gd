class_name LobbySocket
extends RefCounted
## One WebSocket, for one attempt: whole texts in and out. A thin skin over [WebSocketPeer]; tests put their own in its place.

## The largest message: the welcome of some 5,000 players.
const INBOUND_BYTES := 1 << 20
## What the network has not taken yet; above it, what can be said again later is not sent at all.
const BACKLOG_BYTES := 16_384
## A line on which nobody answers a ping of the WebSocket itself for so long is dead. Costs nothing; not in web exports.
const HEARTBEAT_S := 20.0

var _peer := WebSocketPeer.new()


## Begins to connect. Whether it worked, [method is_open] and [method is_closed] say after some polls.
func open(url: String) -> Error:
	_peer.inbound_buffer_size = INBOUND_BYTES
	_peer.heartbeat_interval = HEARTBEAT_S
	return _peer.connect_to_url(url)


## Moves bytes. Call it every frame until it is closed.
func poll() -> void:
	_peer.poll()


## Whether texts can be sent.
func is_open() -> bool:
	return _peer.get_ready_state() == WebSocketPeer.STATE_OPEN


## Whether it has ended.
func is_closed() -> bool:
	return _peer.get_ready_state() == WebSocketPeer.STATE_CLOSED


## Whether the network is behind with what was sent.
func is_slow() -> bool:
	return _peer.get_current_outbound_buffered_amount() > BACKLOG_BYTES


## The texts that have arrived. What is no text is dropped.
func take() -> PackedStringArray:
	var texts: PackedStringArray = []
	while _peer.get_available_packet_count() > 0:
		var packet := _peer.get_packet()
		if _peer.was_string_packet():
			texts.append(packet.get_string_from_utf8())
	return texts


## Sends a text.
func send(text: String) -> void:
	_peer.send_text(text)


## Says goodbye. Goes on being polled until it is closed, or is dropped.
func close() -> void:
	_peer.close(1000, "bye")


## The code of the close; -1 where the line broke.
func close_code() -> int:
	return _peer.get_close_code()


## What was said with the close, for people.
func close_reason() -> String:
	return _peer.get_close_reason()
