"""``GET /rooms``: the list of rooms that players see. Operators see more, through ``operators``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lobby.errors import Refused
from lobby.operators import PAGE, PAGE_MOST, first_page
from lobby.ports import Store
from lobby.presence import newest
from lobby.settings import Settings


def parse_query(query: Mapping[str, str]) -> tuple[int, str]:
    """``limit`` and ``after`` of an address. Raises :class:`Refused` (``bad_handshake``)."""
    text = query.get("limit") or str(PAGE)
    # Short before int(): thousands of digits would raise, or take long.
    limit = int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else 0
    if not 1 <= limit <= PAGE_MOST:
        raise Refused("bad_handshake", f"limit must be a whole number from 1 to {PAGE_MOST:,}")
    return limit, query.get("after", "")


def listed(store: Store, limit: int, after: str, settings: Settings) -> dict[str, Any]:
    """A page of the rooms behind ``after``: name, number of players and size of each, in the order of their names.

    ``next`` is the value of ``after`` for the next page; None on the last one. A room with watchers only is listed with 0
    players; a room that needs an invitation is not listed.
    """
    public = (name for name in store.rooms_after(after) if not settings.for_room(name).invite)
    names, following = first_page(public, limit)
    rooms = [
        {"name": name, "players": len(newest(store.room(name))), "size": settings.for_room(name).room_size} for name in names
    ]
    return {"rooms": rooms, "next": following}
