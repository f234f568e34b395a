class_name LobbyConnection
extends RefCounted
## A connection that lasts: it comes back by itself after a pause, takes over its own player from a line that is about to be
## cut, and notices dead ones. What the messages mean is for others. Pure: time, chance and sockets are given to it.

## The lobby is there: for the first time, or again.
signal connected
## The line is gone; the next try is in so many ms.
signal disconnected(reason: String, again_ms: float)
## The lobby does not take this player, and there will be no further try.
signal refused(code: String, message: String)
## A message of the line in use. [param is_busy]: it may have waited for us, not for the network.
signal heard(message: LobbyMessages.Message, is_busy: bool)

## Closed: nobody asked for a connection. Waiting: for the next try. Refused: there is none.
enum State { CLOSED, CONNECTING, CONNECTED, WAITING, REFUSED }

## How long a line and its welcome may take.
const CONNECT_MS := 10_000.0
## The welcome comes by itself; where it has not come after so long, it is asked for.
const ASK_MS := 300.0
## The first ping is sent soon, so that the round trip is known.
const FIRST_PING_MS := 200.0
## The shortest heartbeat that is obeyed: a server that says 0 must not make a client spin.
const HEARTBEAT_LEAST_MS := 1_000.0
## A line on which nothing was heard for so long after a ping is dead.
const PONG_MS := 10_000.0
## API Gateway cuts every connection after two hours; a new one takes over some minutes before, each at another time: earlier
## by up to this share.
const TAKEOVER_MS := 115.0 * 60_000.0
const TAKEOVER_SPREAD := 0.05
## After a takeover that failed. All is well as long as the old line lives.
const TAKEOVER_AGAIN_MS := 60_000.0
## An error so shortly before the end is its reason; an older one is another story.
const COMPLAINT_MS := 2_000.0
## How long a goodbye of ours may take.
const GOODBYE_MS := 2_000.0
## How long a lobby that has said goodbye may take to close the line.
const FAREWELL_MS := 1_000.0
## Polled later than this, we were busy, and the messages waited for us.
const BUSY_MS := 100.0

## Where to: with the player in its query, see [method LobbyMessages.address].
var url := ""
## What is going on.
var state := State.CLOSED
## When the next try begins, while waiting.
var again_ms := NAN
## The version that the lobby speaks.
var version := LobbyMessages.VERSION
## The lobby's wishes.
var config := LobbyMessages.Config.new()
## How long the last ping took; NAN before the first.
var round_trip_ms := NAN
## When to take over, see [constant TAKEOVER_MS].
var takeover_ms := TAKEOVER_MS

var _new_socket: Callable
var _chance: Callable
var _line: Line  # the one in use, or on its way
var _next: Line  # the one that takes over
var _leaving: Array[Line] = []
var _backoff := LobbyBackoff.new()
var _polled_ms := NAN
var _ping_ms := INF
var _pinged_ms := NAN
var _takeover_at_ms := INF


## [param new_socket] makes a [LobbySocket], [param chance] a number from 0 to 1.
func _init(new_socket: Callable = LobbySocket.new, chance: Callable = randf) -> void:
	_new_socket = new_socket
	_chance = chance


## Connects, and stays connected until [method close].
func open(to_url: String, now_ms: float) -> void:
	close(now_ms)
	url = to_url
	_backoff.reset()
	_dial(now_ms)


## Leaves. Go on calling [method poll]: a goodbye takes a moment.
func close(now_ms: float) -> void:
	for line: Line in [_line, _next]:
		if line != null:
			_let_go(line, now_ms)
	_line = null
	_next = null
	state = State.CLOSED


## Whether it is connected, or on its way there.
func is_wanted() -> bool:
	return state == State.CONNECTING or state == State.CONNECTED or state == State.WAITING


## Does not wait any longer: somebody asked for it, or the machine woke up.
func nudge(now_ms: float) -> void:
	again_ms = now_ms
	_ping_ms = now_ms


## Sends a text; false where there is nobody to hear it. [param is_droppable]: a newer one will say the same, so it is not sent
## where the network is behind.
func send(text: String, is_droppable := false) -> bool:
	if state != State.CONNECTED or _line == null or not _line.socket.is_open():
		return false
	if is_droppable and _line.socket.is_slow():
		return false
	_line.socket.send(text)
	return true


## Moves everything on. Call it every frame, also while the game is paused.
func poll(now_ms: float) -> void:
	var away_ms := now_ms - _polled_ms
	_polled_ms = now_ms
	_see_off(now_ms)
	for line: Line in [_next, _line]:
		if line != null and _is_ours(line):
			if away_ms > BUSY_MS:
				line.began_ms += away_ms - BUSY_MS  # while we were away nobody could answer us
			_poll(line, now_ms, away_ms > BUSY_MS)
	if state == State.WAITING and now_ms >= again_ms:
		_dial(now_ms)
	if state == State.CONNECTED and _line != null:
		_keep_alive(now_ms)


func _dial(now_ms: float) -> void:
	state = State.CONNECTING
	_line = _new_line(now_ms) if url else null
	if _line == null:
		state = State.REFUSED
		refused.emit("bad_address", "that is no address of a lobby; one looks like ws://127.0.0.1:8765/")


func _new_line(now_ms: float) -> Line:
	var line := Line.new()
	line.socket = _new_socket.call()
	line.began_ms = now_ms
	return line if line.socket.open(url) == OK else null


func _poll(line: Line, now_ms: float, is_busy: bool) -> void:
	line.socket.poll()
	for text in line.socket.take():
		_hear(line, LobbyMessages.decode(text), now_ms, is_busy)
		if not _is_ours(line):
			return  # whoever heard it has left
	if line.socket.is_open() and is_nan(line.welcomed_ms):
		_ask(line, now_ms)
	if line.socket.is_closed():
		_ended(line, line.why(now_ms), now_ms)
	elif line.is_farewell() and now_ms - line.complaint_ms > FAREWELL_MS:
		_let_go(line, now_ms)
		_ended(line, line.why(now_ms), now_ms)
	elif is_nan(line.welcomed_ms) and now_ms - line.began_ms > CONNECT_MS:
		_let_go(line, now_ms)
		_ended(line, Why.new("no lobby answered within ten seconds"), now_ms)


## Asks for the welcome, once, if it does not come by itself.
func _ask(line: Line, now_ms: float) -> void:
	if is_nan(line.ask_ms):
		line.ask_ms = now_ms + ASK_MS
	elif now_ms >= line.ask_ms:
		line.ask_ms = INF
		line.socket.send(LobbyMessages.hello())


func _hear(line: Line, message: LobbyMessages.Message, now_ms: float, is_busy: bool) -> void:
	line.heard_ms = now_ms
	if line.is_farewell():
		return  # there is nothing more to say
	if message is LobbyMessages.Refusal:
		line.complaint = message
		line.complaint_ms = now_ms
		if line.is_farewell():
			return
	if message is LobbyMessages.Welcome and is_nan(line.welcomed_ms):
		_welcome(line, message as LobbyMessages.Welcome, now_ms)
	if message == null or line != _line or is_nan(line.welcomed_ms):
		return
	if message is LobbyMessages.Config:
		config = message
		_ping_ms = minf(_ping_ms, now_ms + _heartbeat_ms())
	if message is LobbyMessages.Pong and not is_busy:
		round_trip_ms = now_ms - _pinged_ms
	heard.emit(message, is_busy)


## From its welcome on a line is the one in use.
func _welcome(line: Line, welcome: LobbyMessages.Welcome, now_ms: float) -> void:
	line.welcomed_ms = now_ms
	if line == _next:
		if _line != null:
			_let_go(_line, now_ms)
		_line = _next
		_next = null
	version = mini(welcome.v, LobbyMessages.VERSION)
	_pinged_ms = NAN
	_ping_ms = now_ms + FIRST_PING_MS
	_takeover_at_ms = now_ms + takeover_ms * (1.0 - TAKEOVER_SPREAD * _random())
	if state != State.CONNECTED:
		state = State.CONNECTED
		connected.emit()


func _keep_alive(now_ms: float) -> void:
	if _line.heard_ms < _pinged_ms and now_ms - _pinged_ms > PONG_MS:
		var line := _line
		_let_go(line, now_ms)
		_ended(line, Why.new("nothing was heard of the lobby any more"), now_ms)
		return
	if now_ms >= _ping_ms and version >= 2:
		_pinged_ms = now_ms
		_ping_ms = now_ms + _heartbeat_ms()
		send(LobbyMessages.ping(int(now_ms)))
	if now_ms >= _takeover_at_ms:
		_takeover_at_ms = now_ms + TAKEOVER_AGAIN_MS * (0.5 + _random())
		if _next == null:
			_next = _new_line(now_ms)


func _ended(line: Line, why: Why, now_ms: float) -> void:
	if line == _next:
		_next = null
		if _line != null:
			# All is well as long as the old line lives. Our new one may have been taken in although its welcome never came.
			_line.may_be_own_takeover = true
			return
	else:
		_line = null
		if _next != null:
			return  # it has taken over, or will say why not
	if why.is_final and not (why.code == "taken_over" and line.may_be_own_takeover):
		state = State.REFUSED
		refused.emit(why.code, why.text)
		return
	var pause_ms := _backoff.pause_ms(0.0 if why.is_unexplained else line.lived_ms(now_ms), _random())
	state = State.WAITING
	again_ms = now_ms + pause_ms
	disconnected.emit(why.text, pause_ms)


func _is_ours(line: Line) -> bool:
	return line == _line or line == _next


func _let_go(line: Line, now_ms: float) -> void:
	line.socket.close()
	line.began_ms = now_ms
	_leaving.append(line)


func _see_off(now_ms: float) -> void:
	for line: Line in _leaving.duplicate():
		line.socket.poll()
		if line.socket.is_closed() or now_ms - line.began_ms > GOODBYE_MS:
			_leaving.erase(line)


func _heartbeat_ms() -> float:
	return maxf(HEARTBEAT_LEAST_MS, config.heartbeat_ms)


func _random() -> float:
	return _chance.call()


## Why a line ended: the code of an error, if there was one, and half a sentence for people.
class Why:
	extends RefCounted
	var code := ""
	var text := ""
	var is_final := false
	## A plain close without a word. Its error may have been lost, so this is no reason to hurry back.
	var is_unexplained := false

	func _init(with_text := "") -> void:
		text = with_text


## One socket and what is known of it.
class Line:
	extends RefCounted
	var socket: LobbySocket
	var began_ms := 0.0
	var ask_ms := NAN
	var welcomed_ms := NAN
	var heard_ms := 0.0
	var complaint: LobbyMessages.Refusal
	var complaint_ms := -INF
	var may_be_own_takeover := false

	func lived_ms(now_ms: float) -> float:
		return 0.0 if is_nan(welcomed_ms) else now_ms - welcomed_ms

	## Whether the lobby has said that this line ends now.
	func is_farewell() -> bool:
		return complaint != null and complaint.close != 0

	## An error right before the end is its reason, since API Gateway cannot say it with the close; else the close is.
	func why(now_ms: float) -> Why:
		var end := Why.new(LobbyMessages.one_line(socket.close_reason(), LobbyMessages.SENTENCE_CHARACTERS))
		var close := socket.close_code()
		if is_farewell() and not LobbyErrors.is_own(close):
			close = complaint.close
		end.code = LobbyErrors.code_of(close)
		end.text = end.text.trim_prefix(end.code + ": ")
		if is_farewell() or (complaint != null and now_ms - complaint_ms < COMPLAINT_MS):
			end.text = complaint.message
			if is_farewell() or LobbyErrors.ends(complaint.code):
				end.code = complaint.code
		end.is_unexplained = end.text.is_empty() and close == 1000
		end.is_final = LobbyErrors.is_final(end.code, close)
		if end.text.is_empty():
			end.text = LobbyErrors.meaning(end.code, close)
			if is_nan(welcomed_ms) and end.code.is_empty():
				end.text = "no lobby answers there, or it does not let you in"
		return end
