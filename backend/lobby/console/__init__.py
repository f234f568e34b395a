"""The console: a page for the operators of a lobby. The admin port serves it; ``docs/operators.md`` describes it.

The page has no secrets: it asks for the key, and sends it in a header. It is built on modules and colours of the viewer.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from lobby.viewer import Pages, pages, read_folder

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@cache
def files() -> Pages:
    """The files by path: the page at ``/``, its own files below ``/console/``, and those of the viewer below ``/viewer/``."""
    own = read_folder(Path(__file__).parent)
    found = {f"/viewer/{name}": file for name, file in pages().items() if name != "index.html"}
    return found | {"/" if name == "index.html" else f"/console/{name}": file for name, file in own.items()}
