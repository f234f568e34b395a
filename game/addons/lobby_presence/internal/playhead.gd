class_name LobbyPlayhead
extends RefCounted
## Which moment of a player's past is on the screen: late enough that the next position is here in time, and no later.
##
## How late that is, the arrivals say: the worst of the last seconds counts, within bounds. Reads no clock itself.

const START_MS := 250.0
const LEAST_MS := 100.0
const MOST_MS := 800.0
const SPARE_MS := 8.0
## A need is remembered for one to two times so long.
const WINDOW_MS := 10_000.0
## So many arrivals say enough to be less late than at the start.
const TRIED := 5
## Being too early or too late is mended by playing slower or faster, never by a hop: this much, as a share of real time.
const SLOWER := 0.2
const FASTER := 0.03
## So far off is no matter of pace any more.
const LOST_MS := 2_000.0

## The moment on the screen, on the sender's clock; NAN while there is none.
var at_ms := NAN
## How late the screen should be.
var delay_ms: float:
	get:
		var least_ms := START_MS if _count < TRIED else LEAST_MS
		return clampf(maxf(_worst_now_ms, _worst_before_ms) + SPARE_MS, least_ms, MOST_MS)

var _count := 0
var _worst_now_ms := 0.0
var _worst_before_ms := 0.0
var _since_ms := 0.0


## A message that arrived at [param arrival_ms] would have been in time with this much delay.
func need(needed_ms: float, arrival_ms: float) -> void:
	_count += 1
	if arrival_ms - _since_ms > WINDOW_MS:
		_worst_before_ms = _worst_now_ms if arrival_ms - _since_ms < 2.0 * WINDOW_MS else 0.0
		_worst_now_ms = 0.0
		_since_ms = arrival_ms
	_worst_now_ms = maxf(_worst_now_ms, needed_ms)


## Goes on by [param passed_ms]. [param here_ms] is what the sender's clock says now. From [param end_ms] on nothing moves:
## nobody sees a leap there.
func play(passed_ms: float, here_ms: float, end_ms := INF) -> void:
	var wanted_ms := here_ms - delay_ms
	var behind_ms := wanted_ms - (at_ms + passed_ms)
	if is_nan(behind_ms) or absf(behind_ms) > LOST_MS:
		at_ms = wanted_ms
	elif at_ms >= end_ms:
		at_ms = maxf(wanted_ms, end_ms)
	else:
		at_ms += passed_ms + clampf(behind_ms, -SLOWER * passed_ms, FASTER * passed_ms)


## There is no moment to show: only a place is known.
func stop() -> void:
	at_ms = NAN
