"""The files of the viewer, as a host serves them."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import PurePath

KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
"""What the viewer is made of, all of it UTF-8. Not asked of the system: Windows may call a script plain text, and browsers
refuse that."""


@cache
def pages() -> dict[str, tuple[bytes, str]]:
    """Each file by its name: its bytes and its content type."""
    folder = files("lobby").joinpath("viewer")
    return {
        file.name: (file.read_bytes(), kind) for file in folder.iterdir() if (kind := KINDS.get(PurePath(file.name).suffix))
    }
