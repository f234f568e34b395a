extends RefCounted
## Internal. The constants that the clients in GDScript, Python and JavaScript share, by the same names.
## Made from backend/lobby/client/constants.py by scripts/docs.py.

## A socket and its [code]welcome[/code] may take so long together, in ms.
const CONNECT_MS := 10_000.0
## If no [code]welcome[/code] has arrived this long after the socket opened, the client sends [code]hello[/code] once, in ms.
const WELCOME_MS := 300.0
## The first ping follows the [code]welcome[/code] after so long, in ms. It measures the round trip early.
const FIRST_PING_MS := 200.0
## The shortest interval between pings that a client accepts from a server, in ms.
const HEARTBEAT_LEAST_MS := 1_000.0
## A connection that received nothing for so long after a ping is dead, in ms.
const PONG_MS := 10_000.0
## Age at which a new connection replaces the current one, in ms. API Gateway closes every connection after two hours.
const TAKEOVER_MS := 6_900_000.0
## The takeover starts earlier by a random share of up to this, so that clients do not all reconnect at once.
const TAKEOVER_SPREAD := 0.05
## Pause after a failed takeover, in ms, multiplied by a random factor from 0.5 to 1.5.
const TAKEOVER_RETRY_MS := 60_000.0
## An [code]error[/code] received so shortly before the end of a connection is the reason of the end, in ms.
const ERROR_EXPLAINS_MS := 2_000.0
## Longest wait for the close handshake after the client closed a socket, in ms.
const CLOSE_MS := 2_000.0
## After a closing error the lobby has so long to close the socket, in ms. Then the client closes it.
const CLOSING_ERROR_MS := 1_000.0
## If two polls are farther apart than this, the client itself was busy, and messages may have waited for it, in ms.
const BUSY_MS := 100.0
## A player that is missing in the first [code]welcome[/code] after a lost connection is kept for so long, in ms.
const GRACE_MS := 10_000.0
## Longest pause before the first retry, in ms. It doubles with every retry.
const BACKOFF_BASE_MS := 500.0
## Longest pause before any retry, in ms.
const BACKOFF_LONGEST_MS := 30_000.0
## A connection that lived so long resets the backoff, in ms.
const BACKOFF_STEADY_MS := 5_000.0
## The client sends no position for so long after [code]rate_limited[/code], in ms.
const SLOW_DOWN_MS := 1_000.0
## Shortest interval between two [code]hello[/code] that ask about unknown players, in ms.
const HELLO_EVERY_MS := 10_000.0
## A position that the lobby has not confirmed for so long, with none after it, makes the client ask with a ping, in ms.
const CONFIRM_MS := 2_000.0
## The client asks no sooner than so long after the longest window, in ms: then the position was broadcast, or lost.
const CONFIRM_WINDOW_MS := 1_100.0
## Longest pause between two such pings, in ms. The pause doubles with each ping.
const CONFIRM_LONGEST_MS := 30_000.0
## The other players stay known for so long without a connection, in ms.
const KEEP_PLAYERS_MS := 20_000.0
## A player's clock is sent modulo this, in ms.
const CLOCK_MODULUS_MS := 65_536
## A client keeps at most so many other players. It ignores further ones: no lobby has larger rooms.
const ROSTER_MOST := 10_000
## A client handles at most so many messages in one poll. The rest waits for the next poll, so that the game can go on.
const MESSAGES_PER_POLL := 500
## Longest id of a player, in characters.
const ID_CHARACTERS := 64
## Longest name or status, in characters.
const TEXT_CHARACTERS := 32
## Largest data of a player or an event that a client accepts, in bytes of JSON. Larger data counts as empty.
const DATA_BYTES_MOST := 16_384
## Data is nested at most so deep. Deeper data counts as empty.
const DATA_DEPTH := 8
## Longest reason or error message that a client shows, in characters. The rest is cut off.
const SENTENCE_CHARACTERS := 200
## A longer duration in a [code]config[/code] message makes the client ignore the message, in ms.
const CONFIG_LONGEST_MS := 3_600_000.0
## Default of [code]send_ms[/code] before a [code]config[/code] message arrives, in ms.
const SEND_MS := 100.0
## Default of [code]window_ms[/code] before a [code]config[/code] message arrives, in ms.
const WINDOW_MS := 60.0
## Default of [code]far_ms[/code] before a [code]config[/code] message arrives, in ms.
const FAR_MS := 500.0
## Default of [code]heartbeat_ms[/code] before a [code]config[/code] message arrives, in ms.
const HEARTBEAT_MS := 20_000.0
## Delay at which a player is drawn before its messages have been measured, in ms.
const TRACK_DELAY_START_MS := 250.0
## Shortest delay at which a player is drawn, in ms.
const TRACK_DELAY_LEAST_MS := 100.0
## Longest delay at which a player is drawn, in ms.
const TRACK_DELAY_MOST_MS := 800.0
## The delay exceeds the measured need by so much, in ms.
const TRACK_DELAY_SPARE_MS := 8.0
## So many measured messages allow a delay shorter than [constant TRACK_DELAY_START_MS].
const TRACK_DELAY_NEEDS := 5
## A measured need counts for one to two times so long, in ms.
const TRACK_NEED_WINDOW_MS := 10_000.0
## A wrong delay is corrected by playing slower by up to this share of real time.
const TRACK_SLOWER := 0.2
## A wrong delay is corrected by playing faster by up to this share of real time.
const TRACK_FASTER := 0.03
## If the delay is wrong by more than this, playback jumps to the right moment, in ms.
const TRACK_LOST_MS := 2_000.0
## Assumed interval between a player's positions before it has been measured, in ms.
const TRACK_INTERVAL_MS := 200.0
## Shortest interval that the measurement takes into account, in ms.
const TRACK_INTERVAL_LEAST_MS := 50.0
## Longest interval that the measurement takes into account, in ms.
const TRACK_INTERVAL_MOST_MS := 600.0
## After a longer silence the movement in between is not interpolated, in ms.
const TRACK_SILENCE_MS := 1_300.0
## A gap longer than so many intervals does not increase the delay further.
const TRACK_LONG_GAP := 1.6
## A player is predicted to move in a straight line for so long after its newest position, in ms. Then it stops.
const TRACK_REACH_MS := 1_200.0
## If a gap ends this close to the straight-line prediction, in units, assume straight motion and a bend at its end.
const TRACK_STRAIGHT_UNITS := 0.8
## The same bound for fast players, in seconds of their movement. The larger bound applies.
const TRACK_STRAIGHT_S := 0.06
## Length of the bend at the end of such a gap, in ms.
const TRACK_BEND_MS := 200.0
## A player that moves faster than this, in units per second, may have been teleported.
const TRACK_TELEPORT_UNITS_PER_S := 60.0
## It was teleported if it also moves so many times faster than it did before and than its velocity.
const TRACK_TELEPORT_TIMES := 4.0
## A wrong prediction is corrected gradually, with this time constant, in ms.
const TRACK_CORRECTION_MS := 90.0
## A larger error, in units, is corrected at once.
const TRACK_CORRECTION_MOST_UNITS := 6.0
## The same bound for fast players, in seconds of their movement. The larger bound applies.
const TRACK_CORRECTION_MOST_S := 0.5
## A slower player has no direction of movement, in units per second.
const TRACK_SLOWEST_UNITS_PER_S := 0.3
## The offset of a player's clock is the smallest of the last one to two times so long, in ms.
const TRACK_CLOCK_WINDOW_MS := 30_000.0
## A message earlier than this, in ms relative to the known offset, starts a new clock.
const TRACK_CLOCK_EARLIEST_MS := -2_000.0
## A message later than this, in ms relative to the known offset, starts a new clock.
const TRACK_CLOCK_LATEST_MS := 6_000.0
