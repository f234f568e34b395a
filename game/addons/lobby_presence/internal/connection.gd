extends RefCounted
## Internal: the state machine of the client's connection. It retries after a pause, replaces a connection before API Gateway
## closes it (takeover), and detects dead connections. It does not interpret other messages.
##
## Time, randomness and sockets are arguments, so tests need none of the real ones. Clients in Python and JavaScript implement
## the same machine; tests/playbooks describes its behaviour.

@warning_ignore_start("return_value_discarded")

## The lobby sent its [code]welcome[/code]: for the first time, or after [signal disconnected].
signal connected
## The connection ended. The next attempt starts after [param pause_ms].
signal disconnected(reason: String, pause_ms: float)
## The lobby refuses this player. There is no further attempt.
signal refused(code: String, message: String)
## A message arrived on the current connection. If [param is_busy], it may have waited for the game instead of the network.
signal message_received(message: _LobbyMessages.Message, is_busy: bool)

## CLOSED: no connection is wanted. WAITING: for the next attempt. REFUSED: there is no further attempt.
enum State { CLOSED, CONNECTING, CONNECTED, WAITING, REFUSED }

const _LobbyBackoff := preload("backoff.gd")
const _LobbyCompact := preload("compact.gd")
const _LobbyConstants := preload("constants.gd")
const _LobbyMessages := preload("messages.gd")
const _LobbySocket := preload("socket.gd")
const _LobbyText := preload("text.gd")

## Address of the lobby, with the player in its query. See [method _LobbyMessages.address].
var url := ""
## Current state.
var state := State.CLOSED
## When the next attempt starts, while [member state] is WAITING, in ms.
var retry_at_ms := NAN
## Version of the protocol that the lobby uses.
var version := _LobbyMessages.VERSION
## Timing that the lobby asks for.
var config := _LobbyMessages.Config.new()
## Number of connections that the lobby has welcomed.
var welcomes := 0
## The [member url] with which the current connection was opened.
var welcomed_url := ""
## Duration of the last ping, in ms. NAN before the first.
var round_trip_ms := NAN
## Age at which a new connection takes over, in ms.
var takeover_ms: float = _LobbyConstants.TAKEOVER_MS

var _new_socket: Callable
var _random: Callable
var _current: Attempt  # connected, or connecting
var _next: Attempt  # the one that takes over
var _closing: Array[Attempt] = []
var _backoff := _LobbyBackoff.new()
var _polled_ms := NAN
var _ping_at_ms := INF
var _pinged_ms := NAN
var _unanswered_ms := NAN  # when the first ping was sent after which nothing was received
var _takeover_at_ms := INF
var _own_n := 0
var _position := ""  # the last position that was sent
var _position_seq := 0
var _position_ms := -INF
var _confirm_at_ms := INF  # when to ask for it; never, once the lobby has it
var _confirm_pause_ms: float = _LobbyConstants.CONFIRM_MS
var _is_confirming := false  # whether the lobby's pongs carry a seq; those of an old lobby do not


## [param new_socket] returns a new socket (socket.gd). [param random] returns a random number from 0 to 1.
func _init(new_socket: Callable = _LobbySocket.new, random: Callable = randf) -> void:
	_new_socket = new_socket
	_random = random


## Connects, and stays connected until [method close].
func open(to_url: String, now_ms: float) -> void:
	close(now_ms)
	url = to_url
	_backoff.reset()
	_confirm_at_ms = INF
	_is_confirming = false
	_connect(now_ms)


## Closes the connection. Continue to call [method poll]: the close handshake takes a moment.
func close(now_ms: float) -> void:
	for attempt: Attempt in [_current, _next]:
		if attempt != null:
			_close(attempt, now_ms)
	_current = null
	_next = null
	state = State.CLOSED


## Whether the machine is connected or tries to connect.
func is_wanted() -> bool:
	return state == State.CONNECTING or state == State.CONNECTED or state == State.WAITING


## Ends the pause before the next attempt, and pings at once. Call it when the player asks for it or the device wakes up.
func nudge(now_ms: float) -> void:
	retry_at_ms = now_ms
	_ping_at_ms = now_ms


## Sends a text. Returns false if it was not sent. [param is_droppable]: a newer text will replace this one, so it is not sent
## while too many bytes wait.
func send(text: String, is_droppable := false) -> bool:
	if state != State.CONNECTED or _current == null or not _current.socket.is_open():
		return false
	if is_droppable and _current.socket.is_slow():
		return false
	_current.socket.send(text)
	return true


## Sends a position with the sequence number [param seq]. Returns false if it was not sent. If it is the last one, the machine
## repeats it until the lobby has confirmed that it is stored.
func send_position(text: String, seq: int, now_ms: float) -> bool:
	if not send(text, true):
		return false
	_position = text
	_position_seq = seq
	_position_ms = now_ms
	_confirm_pause_ms = maxf(_LobbyConstants.CONFIRM_MS, config.window_ms + _LobbyConstants.CONFIRM_WINDOW_MS)
	_confirm_at_ms = now_ms + _confirm_pause_ms
	return true


## Advances the machine. Call it every frame, also while the game is paused.
func poll(now_ms: float) -> void:
	var away_ms := now_ms - _polled_ms
	var is_busy := away_ms > _LobbyConstants.BUSY_MS
	_polled_ms = now_ms
	_poll_closing(now_ms)
	for attempt: Attempt in [_next, _current]:
		if attempt != null and _is_ours(attempt):
			if is_busy:
				attempt.began_ms += away_ms - _LobbyConstants.BUSY_MS  # no answer could be received meanwhile
			_poll(attempt, now_ms, is_busy)
	if state == State.WAITING and now_ms >= retry_at_ms:
		_connect(now_ms)
	if state == State.CONNECTED and _current != null:
		_keep_alive(now_ms)


func _connect(now_ms: float) -> void:
	state = State.CONNECTING
	_current = _new_attempt(now_ms) if url else null
	if _current == null:
		state = State.REFUSED
		refused.emit("bad_address", "this is no address of a lobby; one looks like ws://127.0.0.1:8765/")


func _new_attempt(now_ms: float) -> Attempt:
	var attempt := Attempt.new()
	attempt.socket = _new_socket.call()
	attempt.began_ms = now_ms
	attempt.url = url
	return attempt if attempt.socket.open(url) == OK else null


func _poll(attempt: Attempt, now_ms: float, is_busy: bool) -> void:
	attempt.socket.poll()
	var texts := attempt.socket.take(_LobbyConstants.MESSAGES_PER_POLL)
	for text in texts:
		_receive(attempt, _LobbyMessages.decode(text, attempt.compact), now_ms, is_busy)
		if not _is_ours(attempt):
			return  # a listener has closed the connection
	if attempt.socket.is_open() and is_nan(attempt.welcomed_ms):
		_request_welcome(attempt, now_ms)
	# If the poll has handled so many, more may wait.
	if attempt.socket.is_closed() and texts.size() < _LobbyConstants.MESSAGES_PER_POLL:
		_end(attempt, attempt.end(now_ms), now_ms)
	elif attempt.has_closing_error() and now_ms - attempt.error_ms > _LobbyConstants.CLOSING_ERROR_MS:
		_close(attempt, now_ms)
		_end(attempt, attempt.end(now_ms), now_ms)
	elif is_nan(attempt.welcomed_ms) and now_ms - attempt.began_ms > _LobbyConstants.CONNECT_MS:
		_close(attempt, now_ms)
		_end(attempt, End.new("no lobby answered within ten seconds"), now_ms)


## Sends [code]hello[/code] once if the [code]welcome[/code] does not arrive by itself.
func _request_welcome(attempt: Attempt, now_ms: float) -> void:
	if is_nan(attempt.hello_at_ms):
		attempt.hello_at_ms = now_ms + _LobbyConstants.WELCOME_MS
	elif now_ms >= attempt.hello_at_ms:
		attempt.hello_at_ms = INF
		attempt.socket.send(_LobbyMessages.hello())


func _receive(attempt: Attempt, message: _LobbyMessages.Message, now_ms: float, is_busy: bool) -> void:
	attempt.received_ms = now_ms
	if attempt.has_closing_error():
		return  # nothing counts after a closing error
	if message is _LobbyMessages.ErrorMessage:
		attempt.error = message
		attempt.error_ms = now_ms
		if attempt.has_closing_error():
			return
	if message is _LobbyMessages.Welcome and is_nan(attempt.welcomed_ms):
		_welcome(attempt, message as _LobbyMessages.Welcome, now_ms)
	if message == null or attempt != _current or is_nan(attempt.welcomed_ms):
		return
	if message is _LobbyMessages.Config:
		config = message
		_ping_at_ms = minf(_ping_at_ms, now_ms + _heartbeat_ms())
	if message is _LobbyMessages.Pong and not is_busy and (message as _LobbyMessages.Pong).t == floorf(_pinged_ms):
		round_trip_ms = now_ms - _pinged_ms
	_confirm(message, now_ms)
	message_received.emit(message, is_busy)


## Compares what the lobby has stored with the last position that was sent.
func _confirm(message: _LobbyMessages.Message, now_ms: float) -> void:
	if message is _LobbyMessages.Welcome:
		var welcome := message as _LobbyMessages.Welcome
		_own_n = welcome.n
		_stored(welcome.position.seq)
	elif message is _LobbyMessages.Moves:
		var moves := message as _LobbyMessages.Moves
		for i in moves.numbers.size():
			if moves.numbers[i] == _own_n:
				_stored(moves.positions[i].seq)
	elif message is _LobbyMessages.Pong:
		var pong := message as _LobbyMessages.Pong
		_is_confirming = pong.has_seq
		_stored(pong.seq)
		if pong.t == floorf(_pinged_ms):
			_repeat_position(now_ms)


func _stored(seq: int) -> void:
	if seq >= _position_seq:
		_confirm_at_ms = INF


func _repeat_position(now_ms: float) -> void:
	var is_too_early := now_ms - _position_ms < maxf(_LobbyConstants.CONFIRM_MS, config.send_ms)
	if _confirm_at_ms == INF or is_too_early:
		return
	send(_position)
	_position_ms = now_ms
	if not _is_confirming:
		_confirm_at_ms = INF  # an old lobby confirms nothing: once is enough


## With its [code]welcome[/code] an attempt becomes the current connection.
func _welcome(attempt: Attempt, welcome: _LobbyMessages.Welcome, now_ms: float) -> void:
	attempt.welcomed_ms = now_ms
	if attempt == _next:
		if _current != null:
			_close(_current, now_ms)
		_current = _next
		_next = null
	welcomes += 1
	welcomed_url = attempt.url
	version = mini(welcome.v, _LobbyMessages.VERSION)
	_pinged_ms = NAN
	_unanswered_ms = NAN
	_ping_at_ms = now_ms + _LobbyConstants.FIRST_PING_MS
	_takeover_at_ms = now_ms + takeover_ms * (1.0 - _LobbyConstants.TAKEOVER_SPREAD * _random_number())
	if state != State.CONNECTED:
		state = State.CONNECTED
		connected.emit()


func _keep_alive(now_ms: float) -> void:
	var is_unanswered := _current.received_ms < _unanswered_ms
	if is_unanswered and now_ms - _unanswered_ms > _LobbyConstants.PONG_MS:
		var attempt := _current
		_close(attempt, now_ms)
		_end(attempt, End.new("the lobby stopped answering"), now_ms)
		return
	if now_ms >= _confirm_at_ms:
		_confirm_pause_ms = minf(2.0 * _confirm_pause_ms, _LobbyConstants.CONFIRM_LONGEST_MS)
		_confirm_at_ms = now_ms + _confirm_pause_ms
		_ping_at_ms = now_ms
	if now_ms >= _ping_at_ms and version >= 2:
		if not is_unanswered:
			_unanswered_ms = now_ms
		_pinged_ms = now_ms
		_ping_at_ms = now_ms + _heartbeat_ms()
		send(_LobbyMessages.ping(int(now_ms)))
	if now_ms >= _takeover_at_ms:
		_takeover_at_ms = now_ms + _LobbyConstants.TAKEOVER_RETRY_MS * (0.5 + _random_number())
		if _next == null:
			_next = _new_attempt(now_ms)


func _end(attempt: Attempt, end: End, now_ms: float) -> void:
	if attempt == _next:
		_next = null
		if _current != null:
			# The current connection goes on. The lobby may have accepted the new one although no welcome was received.
			_current.may_be_own_takeover = true
			return
	else:
		_current = null
		if _next != null:
			return  # the next attempt takes over, or reports its own end
	if end.is_final and not (end.code == "taken_over" and attempt.may_be_own_takeover):
		state = State.REFUSED
		refused.emit(end.code, end.text)
		return
	var random := _random_number()
	var pause_ms := _backoff.pause_ms(0.0 if end.is_unexplained else attempt.lived_ms(now_ms), random)
	if not is_nan(attempt.welcomed_ms) and end.code in ["", "restarting"]:  # all clients of the lobby may come back now
		pause_ms = maxf(pause_ms, random * config.return_ms)
	state = State.WAITING
	retry_at_ms = now_ms + pause_ms
	disconnected.emit(end.text, pause_ms)


func _is_ours(attempt: Attempt) -> bool:
	return attempt == _current or attempt == _next


func _close(attempt: Attempt, now_ms: float) -> void:
	attempt.socket.close()
	attempt.began_ms = now_ms
	_closing.append(attempt)


func _poll_closing(now_ms: float) -> void:
	for attempt: Attempt in _closing.duplicate():
		attempt.socket.poll()
		if attempt.socket.is_closed() or now_ms - attempt.began_ms > _LobbyConstants.CLOSE_MS:
			_closing.erase(attempt)


func _heartbeat_ms() -> float:
	return maxf(_LobbyConstants.HEARTBEAT_LEAST_MS, config.heartbeat_ms)


func _random_number() -> float:
	return _random.call()


## Why a connection ended.
class End:
	extends RefCounted
	## Code of an error, see [LobbyErrors]. Empty: none.
	var code := ""
	## Reason for people.
	var text := ""
	## Whether there must be no further attempt.
	var is_final := false
	## A plain close without a reason. Its error may have been lost, so the backoff is not reset.
	var is_unexplained := false

	func _init(with_text := "") -> void:
		text = with_text


## One attempt to hold a socket.
class Attempt:
	extends RefCounted
	var socket: _LobbySocket
	var compact := _LobbyCompact.new()
	var url := ""
	var began_ms := 0.0
	var hello_at_ms := NAN
	var welcomed_ms := NAN
	var received_ms := 0.0
	var error: _LobbyMessages.ErrorMessage
	var error_ms := -INF
	var may_be_own_takeover := false

	func lived_ms(now_ms: float) -> float:
		return 0.0 if is_nan(welcomed_ms) else now_ms - welcomed_ms

	## Whether the lobby has sent a closing error.
	func has_closing_error() -> bool:
		return error != null and error.close != 0

	## Returns why the attempt ended. An error shortly before the end explains it, because API Gateway cannot close with a
	## code of its own. Else the close code does.
	func end(now_ms: float) -> End:
		var found := End.new(_LobbyText.one_line(socket.close_reason(), _LobbyConstants.SENTENCE_CHARACTERS))
		var close := socket.close_code()
		if has_closing_error() and not LobbyErrors.is_own(close):
			close = error.close
		found.code = LobbyErrors.code_of(close)
		found.text = found.text.trim_prefix(found.code + ": ")
		if has_closing_error() or (error != null and now_ms - error_ms < _LobbyConstants.ERROR_EXPLAINS_MS):
			found.text = error.message
			if has_closing_error() or LobbyErrors.ends(error.code):
				found.code = error.code
		found.is_unexplained = found.text.is_empty() and close == 1000
		found.is_final = LobbyErrors.is_final(found.code, close)
		if found.text.is_empty():
			found.text = LobbyErrors.meaning(found.code, close)
			if is_nan(welcomed_ms) and found.code.is_empty():
				found.text = "no lobby answers there, or it refuses the connection"
		return found
