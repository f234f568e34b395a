"""What is counted and what is logged: counters by name and label, one JSON line for each event worth one."""

from __future__ import annotations

import json
import logging
from collections import Counter

Counts = Counter[tuple[str, str]]
"""How often something happened since the start: ``counts["refused", "bad_json"]``. The label is empty where there is none."""

COUNTED: dict[str, tuple[str, str]] = {
    "messages": ("action", "Messages received and understood."),
    "refused": ("code", "Messages and connections refused."),
    "joins": ("", "Players that came."),
    "leaves": ("", "Players that went."),
    "takeovers": ("", "Connections that took over a player from an older one."),
    "windows": ("", "Windows of positions told."),
    "frames": ("type", "Frames handed to connections."),
    "frame_bytes": ("", "Bytes of those frames, without framing."),
    "skipped": ("", "Frames of positions that a slow reader was spared."),
    "closed": ("code", "Connections closed by the lobby."),
}
"""Every counter: the name of its label and its meaning. ``/metrics`` and the docs are made from this table."""

_log = logging.getLogger("lobby")


def log(event: str, level: int = logging.INFO, **fields: object) -> None:
    """One line about ``event``: JSON, with the fields that matter (connection and player where there are)."""
    if _log.isEnabledFor(level):
        _log.log(level, json.dumps({"event": event, **fields}, default=str))
