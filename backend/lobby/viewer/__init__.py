"""The files of the viewer page and of the JavaScript client, for a host that serves them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from lobby.errors import LobbyError

KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
"""The content type of each kind of file; all files are UTF-8. The types of the operating system are not used, because Windows
may name a script ``text/plain``, which browsers refuse."""


Pages = dict[str, tuple[bytes, str]]
"""The bytes and the content type of each file, by file name."""


@cache
def pages() -> Pages:
    """The files of the page."""
    return read_folder(Path(__file__).parent)


@cache
def client() -> Pages:
    """The modules of the JavaScript client, from this package or from a checkout. Raises :class:`LobbyError`."""
    here = Path(__file__).parents[1]
    for folder in (here / "javascript", here.parents[1] / "clients/javascript/client"):
        if folder.is_dir():
            return read_folder(folder)
    raise LobbyError("This installation of serverless-lobby lacks the JavaScript client. Install it again.")


def read_folder(folder: Path) -> Pages:
    """The files of a folder that a browser needs."""
    return {file.name: (file.read_bytes(), kind) for file in folder.iterdir() if (kind := KINDS.get(file.suffix))}
