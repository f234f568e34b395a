// The constants that the clients in JavaScript, Python and GDScript share, by the same names.
// Made from backend/lobby/client/constants.py by scripts/docs.py.

/** A socket and its `welcome` may take so long together, in ms. */
export const CONNECT_MS = 10_000;

/** If no `welcome` has arrived this long after the socket opened, the client sends `hello` once, in ms. */
export const WELCOME_MS = 300;

/** The first ping follows the `welcome` after so long, in ms. It measures the round trip early. */
export const FIRST_PING_MS = 200;

/** The shortest interval between pings that a client accepts from a server, in ms. */
export const HEARTBEAT_LEAST_MS = 1_000;

/** A connection that received nothing for so long after a ping is dead, in ms. */
export const PONG_MS = 10_000;

/** Age at which a new connection replaces the current one, in ms. API Gateway closes every connection after two hours. */
export const TAKEOVER_MS = 6_900_000;

/** The takeover starts earlier by a random share of up to this, so that clients do not all reconnect at once. */
export const TAKEOVER_SPREAD = 0.05;

/** Pause after a failed takeover, in ms, multiplied by a random factor from 0.5 to 1.5. */
export const TAKEOVER_RETRY_MS = 60_000;

/** An `error` received so shortly before the end of a connection is the reason of the end, in ms. */
export const ERROR_EXPLAINS_MS = 2_000;

/** Longest wait for the close handshake after the client closed a socket, in ms. */
export const CLOSE_MS = 2_000;

/** After a closing error the lobby has so long to close the socket, in ms. Then the client closes it. */
export const CLOSING_ERROR_MS = 1_000;

/** If two polls are farther apart than this, the client itself was busy, and messages may have waited for it, in ms. */
export const BUSY_MS = 100;

/** A player that is missing in the first `welcome` after a lost connection is kept for so long, in ms. */
export const GRACE_MS = 10_000;

/** Longest pause before the first retry, in ms. It doubles with every retry. */
export const BACKOFF_BASE_MS = 500;

/** Longest pause before any retry, in ms. */
export const BACKOFF_LONGEST_MS = 30_000;

/** A connection that lived so long resets the backoff, in ms. */
export const BACKOFF_STEADY_MS = 5_000;

/** The client sends no position for so long after `rate_limited`, in ms. */
export const SLOW_DOWN_MS = 1_000;

/** Shortest interval between two `hello` that ask about unknown players, in ms. */
export const HELLO_EVERY_MS = 10_000;

/** A position that the lobby has not confirmed for so long, with none after it, makes the client ask with a ping, in ms. */
export const CONFIRM_MS = 2_000;

/** The client asks no sooner than so long after the longest window, in ms: then the position was broadcast, or lost. */
export const CONFIRM_WINDOW_MS = 1_100;

/** Longest pause between two such pings, in ms. The pause doubles with each ping. */
export const CONFIRM_LONGEST_MS = 30_000;

/** The other players stay known for so long without a connection, in ms. */
export const KEEP_PLAYERS_MS = 20_000;

/** A player's clock is sent modulo this, in ms. */
export const CLOCK_MODULUS_MS = 65_536;

/** A client keeps at most so many other players. It ignores further ones: no lobby has larger rooms. */
export const ROSTER_MOST = 10_000;

/** A client handles at most so many messages in one poll. The rest waits for the next poll, so that the game can go on. */
export const MESSAGES_PER_POLL = 500;

/** Longest id of a player, in characters. */
export const ID_CHARACTERS = 64;

/** Longest name or status, in characters. */
export const TEXT_CHARACTERS = 32;

/** Largest data of a player or an event that a client accepts, in bytes of JSON. Larger data counts as empty. */
export const DATA_BYTES_MOST = 16_384;

/** Data is nested at most so deep. Deeper data counts as empty. */
export const DATA_DEPTH = 8;

/** Longest reason or error message that a client shows, in characters. The rest is cut off. */
export const SENTENCE_CHARACTERS = 200;

/** A longer duration in a `config` message makes the client ignore the message, in ms. */
export const CONFIG_LONGEST_MS = 3_600_000;

/** Default of `send_ms` before a `config` message arrives, in ms. */
export const SEND_MS = 100;

/** Default of `window_ms` before a `config` message arrives, in ms. */
export const WINDOW_MS = 60;

/** Default of `far_ms` before a `config` message arrives, in ms. */
export const FAR_MS = 500;

/** Default of `heartbeat_ms` before a `config` message arrives, in ms. */
export const HEARTBEAT_MS = 20_000;

/** Delay at which a player is drawn before its messages have been measured, in ms. */
export const TRACK_DELAY_START_MS = 250;

/** Shortest delay at which a player is drawn, in ms. */
export const TRACK_DELAY_LEAST_MS = 100;

/** Longest delay at which a player is drawn, in ms. */
export const TRACK_DELAY_MOST_MS = 800;

/** The delay exceeds the measured need by so much, in ms. */
export const TRACK_DELAY_SPARE_MS = 8;

/** So many measured messages allow a delay shorter than `TRACK_DELAY_START_MS`. */
export const TRACK_DELAY_NEEDS = 5;

/** A measured need counts for one to two times so long, in ms. */
export const TRACK_NEED_WINDOW_MS = 10_000;

/** A wrong delay is corrected by playing slower by up to this share of real time. */
export const TRACK_SLOWER = 0.2;

/** A wrong delay is corrected by playing faster by up to this share of real time. */
export const TRACK_FASTER = 0.03;

/** If the delay is wrong by more than this, playback jumps to the right moment, in ms. */
export const TRACK_LOST_MS = 2_000;

/** Assumed interval between a player's positions before it has been measured, in ms. */
export const TRACK_INTERVAL_MS = 200;

/** Shortest interval that the measurement takes into account, in ms. */
export const TRACK_INTERVAL_LEAST_MS = 50;

/** Longest interval that the measurement takes into account, in ms. */
export const TRACK_INTERVAL_MOST_MS = 600;

/** After a longer silence the movement in between is not interpolated, in ms. */
export const TRACK_SILENCE_MS = 1_300;

/** A gap longer than so many intervals does not increase the delay further. */
export const TRACK_LONG_GAP = 1.6;

/** A player is predicted to move in a straight line for so long after its newest position, in ms. Then it stops. */
export const TRACK_REACH_MS = 1_200;

/** If a gap ends this close to the straight-line prediction, in units, assume straight motion and a bend at its end. */
export const TRACK_STRAIGHT_UNITS = 0.8;

/** The same bound for fast players, in seconds of their movement. The larger bound applies. */
export const TRACK_STRAIGHT_S = 0.06;

/** Length of the bend at the end of such a gap, in ms. */
export const TRACK_BEND_MS = 200;

/** A player that moves faster than this, in units per second, may have been teleported. */
export const TRACK_TELEPORT_UNITS_PER_S = 60;

/** It was teleported if it also moves so many times faster than it did before and than its velocity. */
export const TRACK_TELEPORT_TIMES = 4;

/** A wrong prediction is corrected gradually, with this time constant, in ms. */
export const TRACK_CORRECTION_MS = 90;

/** A larger error, in units, is corrected at once. */
export const TRACK_CORRECTION_MOST_UNITS = 6;

/** The same bound for fast players, in seconds of their movement. The larger bound applies. */
export const TRACK_CORRECTION_MOST_S = 0.5;

/** A slower player has no direction of movement, in units per second. */
export const TRACK_SLOWEST_UNITS_PER_S = 0.3;

/** The offset of a player's clock is the smallest of the last one to two times so long, in ms. */
export const TRACK_CLOCK_WINDOW_MS = 30_000;

/** A message earlier than this, in ms relative to the known offset, starts a new clock. */
export const TRACK_CLOCK_EARLIEST_MS = -2_000;

/** A message later than this, in ms relative to the known offset, starts a new clock. */
export const TRACK_CLOCK_LATEST_MS = 6_000;
