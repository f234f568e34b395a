"""The constants of all clients: this package, ``clients/javascript``, the addon (``internal/constants.gd``).

This file is the table. ``scripts/docs.py`` writes the other two files from it: each name, its value, and the sentence below it.
``tests/playbooks`` shows the connection's constants at work.
"""

from __future__ import annotations

# ── the connection ────────────────────────────────────────────────────────────────────────────────────────────────────

CONNECT_MS = 10_000
"""A socket and its ``welcome`` may take so long together, in ms."""

WELCOME_MS = 300
"""If no ``welcome`` has arrived this long after the socket opened, the client sends ``hello`` once, in ms."""

FIRST_PING_MS = 200
"""The first ping follows the ``welcome`` after so long, in ms. It measures the round trip early."""

HEARTBEAT_LEAST_MS = 1_000
"""The shortest interval between pings that a client accepts from a server, in ms."""

PONG_MS = 10_000
"""A connection that received nothing for so long after a ping is dead, in ms."""

TAKEOVER_MS = 6_900_000
"""Age at which a new connection replaces the current one, in ms. API Gateway closes every connection after two hours."""

TAKEOVER_SPREAD = 0.05
"""The takeover starts earlier by a random share of up to this, so that clients do not all reconnect at once."""

TAKEOVER_RETRY_MS = 60_000
"""Pause after a failed takeover, in ms, multiplied by a random factor from 0.5 to 1.5."""

ERROR_EXPLAINS_MS = 2_000
"""An ``error`` received so shortly before the end of a connection is the reason of the end, in ms."""

CLOSE_MS = 2_000
"""Longest wait for the close handshake after the client closed a socket, in ms."""

CLOSING_ERROR_MS = 1_000
"""After a closing error the lobby has so long to close the socket, in ms. Then the client closes it."""

BUSY_MS = 100
"""If two polls are farther apart than this, the client itself was busy, and messages may have waited for it, in ms."""

GRACE_MS = 10_000
"""A player that is missing in the first ``welcome`` after a lost connection is kept for so long, in ms."""

BACKOFF_BASE_MS = 500
"""Longest pause before the first retry, in ms. It doubles with every retry."""

BACKOFF_LONGEST_MS = 30_000
"""Longest pause before any retry, in ms."""

BACKOFF_STEADY_MS = 5_000
"""A connection that lived so long resets the backoff, in ms."""

# ── messages ──────────────────────────────────────────────────────────────────────────────────────────────────────────

SLOW_DOWN_MS = 1_000
"""The client sends no position for so long after ``rate_limited``, in ms."""

HELLO_EVERY_MS = 10_000
"""Shortest interval between two ``hello`` that ask about unknown players, in ms."""

CONFIRM_MS = 2_000
"""A position that the lobby has not confirmed for so long, with none after it, makes the client ask with a ping, in ms."""

CONFIRM_WINDOW_MS = 1_100
"""The client asks no sooner than so long after the longest window, in ms: then the position was broadcast, or lost."""

CONFIRM_LONGEST_MS = 30_000
"""Longest pause between two such pings, in ms. The pause doubles with each ping."""

KEEP_PLAYERS_MS = 20_000
"""The other players stay known for so long without a connection, in ms."""

CLOCK_MODULUS_MS = 65_536
"""A player's clock is sent modulo this, in ms."""

ROSTER_MOST = 10_000
"""A client keeps at most so many other players. It ignores further ones: no lobby has larger rooms."""

MESSAGES_PER_POLL = 500
"""A client handles at most so many messages in one poll. The rest waits for the next poll, so that the game can go on."""

ID_CHARACTERS = 64
"""Longest id of a player, in characters."""

TEXT_CHARACTERS = 32
"""Longest name or status, in characters."""

DATA_BYTES_MOST = 16_384
"""Largest data of a player or an event that a client accepts, in bytes of JSON. Larger data counts as empty."""

DATA_DEPTH = 8
"""Data is nested at most so deep. Deeper data counts as empty."""

SENTENCE_CHARACTERS = 200
"""Longest reason or error message that a client shows, in characters. The rest is cut off."""

# ── the config of the lobby ───────────────────────────────────────────────────────────────────────────────────────────

CONFIG_LONGEST_MS = 3_600_000
"""A longer duration in a ``config`` message makes the client ignore the message, in ms."""

SEND_MS = 100
"""Default of ``send_ms`` before a ``config`` message arrives, in ms."""

WINDOW_MS = 60
"""Default of ``window_ms`` before a ``config`` message arrives, in ms."""

FAR_MS = 500
"""Default of ``far_ms`` before a ``config`` message arrives, in ms."""

HEARTBEAT_MS = 20_000
"""Default of ``heartbeat_ms`` before a ``config`` message arrives, in ms."""

# ── the track: the smoothed movement of another player ────────────────────────────────────────────────────────────────

TRACK_DELAY_START_MS = 250
"""Delay at which a player is drawn before its messages have been measured, in ms."""

TRACK_DELAY_LEAST_MS = 100
"""Shortest delay at which a player is drawn, in ms."""

TRACK_DELAY_MOST_MS = 800
"""Longest delay at which a player is drawn, in ms."""

TRACK_DELAY_SPARE_MS = 8
"""The delay exceeds the measured need by so much, in ms."""

TRACK_DELAY_NEEDS = 5
"""So many measured messages allow a delay shorter than ``TRACK_DELAY_START_MS``."""

TRACK_NEED_WINDOW_MS = 10_000
"""A measured need counts for one to two times so long, in ms."""

TRACK_SLOWER = 0.2
"""A wrong delay is corrected by playing slower by up to this share of real time."""

TRACK_FASTER = 0.03
"""A wrong delay is corrected by playing faster by up to this share of real time."""

TRACK_LOST_MS = 2_000
"""If the delay is wrong by more than this, playback jumps to the right moment, in ms."""

TRACK_INTERVAL_MS = 200
"""Assumed interval between a player's positions before it has been measured, in ms."""

TRACK_INTERVAL_LEAST_MS = 50
"""Shortest interval that the measurement takes into account, in ms."""

TRACK_INTERVAL_MOST_MS = 600
"""Longest interval that the measurement takes into account, in ms."""

TRACK_SILENCE_MS = 1_300
"""After a longer silence the movement in between is not interpolated, in ms."""

TRACK_LONG_GAP = 1.6
"""A gap longer than so many intervals does not increase the delay further."""

TRACK_REACH_MS = 1_200
"""A player is predicted to move in a straight line for so long after its newest position, in ms. Then it stops."""

TRACK_STRAIGHT_UNITS = 0.8
"""If a gap ends this close to the straight-line prediction, in units, assume straight motion and a bend at its end."""

TRACK_STRAIGHT_S = 0.06
"""The same bound for fast players, in seconds of their movement. The larger bound applies."""

TRACK_BEND_MS = 200
"""Length of the bend at the end of such a gap, in ms."""

TRACK_TELEPORT_UNITS_PER_S = 60
"""A player that moves faster than this, in units per second, may have been teleported."""

TRACK_TELEPORT_TIMES = 4
"""It was teleported if it also moves so many times faster than it did before and than its velocity."""

TRACK_CORRECTION_MS = 90
"""A wrong prediction is corrected gradually, with this time constant, in ms."""

TRACK_CORRECTION_MOST_UNITS = 6
"""A larger error, in units, is corrected at once."""

TRACK_CORRECTION_MOST_S = 0.5
"""The same bound for fast players, in seconds of their movement. The larger bound applies."""

TRACK_SLOWEST_UNITS_PER_S = 0.3
"""A slower player has no direction of movement, in units per second."""

TRACK_CLOCK_WINDOW_MS = 30_000
"""The offset of a player's clock is the smallest of the last one to two times so long, in ms."""

TRACK_CLOCK_EARLIEST_MS = -2_000
"""A message earlier than this, in ms relative to the known offset, starts a new clock."""

TRACK_CLOCK_LATEST_MS = 6_000
"""A message later than this, in ms relative to the known offset, starts a new clock."""
