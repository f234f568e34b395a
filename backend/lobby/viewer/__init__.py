"""The files of the viewer page, for a host that serves them."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import PurePath

KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
"""The content type of each kind of file; all files are UTF-8. The types of the operating system are not used, because Windows
may name a script ``text/plain``, which browsers refuse."""


@cache
def pages() -> dict[str, tuple[bytes, str]]:
    """The bytes and the content type of each file, by file name."""
    folder = files("lobby").joinpath("viewer")
    return {
        file.name: (file.read_bytes(), kind) for file in folder.iterdir() if (kind := KINDS.get(PurePath(file.name).suffix))
    }
