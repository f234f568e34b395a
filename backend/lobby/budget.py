"""How a lobby keeps within its daily budget. Pure.

:func:`budget_state` says how much slower a lobby must become. What the lobby has spent is counted with :mod:`lobby.billing`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

DAY_MS = 86_400_000

LONGEST_STRETCH = 32
"""The largest factor for windows and send intervals: windows of 60 ms become two seconds, send intervals of 200 ms become
6.4 seconds. Players still see each other move, at a thirtieth of the price."""


class BudgetState(NamedTuple):
    """How a lobby reacts to its budget. Windows and send intervals are ``stretch`` times as long as their settings. If the
    day's budget ``is_spent``, no new player is admitted. ``as_of_ms`` is the time of the calculation (ms since 1970); a later
    state replaces an earlier one."""

    stretch: int = 1
    is_spent: bool = False
    as_of_ms: int = 0


UNBOUND = BudgetState()
"""The state before anything is known of the budget: everything is as the settings say."""


def budget_state(spent: float, daily: float, now: int) -> BudgetState:
    """The state of a lobby that has ``spent`` this much of its ``daily`` budget since midnight (UTC), both in dollars. ``now``
    is in ms since 1970.

    The budget becomes available evenly over the day, and what is not spent stays available until midnight. An advance is
    available on top: an hour's budget at midnight, shrinking to nothing at the end of the day. A lobby that has used up the
    advance doubles its intervals, at twice the advance it doubles them again, and so on up to :data:`LONGEST_STRETCH`. At one
    of these steps spending equals income, unless the connected players cost more even at the longest stretch.
    """
    day = now % DAY_MS / DAY_MS
    advance = daily / 24 * (1 - day)
    steps_ahead = math.ceil((spent - daily * day) / advance - 1)
    stretch = 2 ** min(max(0, steps_ahead), LONGEST_STRETCH.bit_length() - 1)
    return BudgetState(stretch, spent >= daily, now)
