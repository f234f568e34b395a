"""`lobby package`: the zip that Lambda runs. The same input makes the same bytes, on every machine.

What is in it follows from one rule: ``trading_lobby_ws.py``, whatever of ours it imports, whatever that imports in turn, and
PyJWT. What else the function needs, Lambda's Python brings. Nothing is compiled, nothing is downloaded.
"""

from __future__ import annotations

import ast
import hashlib
import io
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from lobby.errors import LobbyError

ENTRY = "trading_lobby_ws"
"""The module whose ``handler`` AWS calls; the template says the same."""

FOLDER = "lobby/"
"""Where zips lie in their bucket; ``infrastructure/lobby-s3-policy.json`` is about this folder."""


class Package(NamedTuple):
    """A zip, and what names it."""

    data: bytes
    sha256: str

    @property
    def key(self) -> str:
        """Its key in a bucket. It follows from the contents: CloudFormation compares keys, and so it sees a change when and
        only when there is one."""
        return f"{FOLDER}lobby-function-{self.sha256[:12]}.zip"


def build() -> Package:
    """The zip of what is here. Raises :class:`LobbyError`."""
    archive = io.BytesIO()
    # Stored, not compressed: two versions of zlib may pack the same bytes differently, and Lambda unpacks it anyway.
    with ZipFile(archive, "w", ZIP_STORED) as zipped:
        for name, data in sorted((*_ours(), *_pyjwt())):
            info = ZipInfo(name, (1980, 1, 1, 0, 0, 0))  # the oldest that a zip can say
            info.create_system = 3  # Unix, wherever it is made, for the rights that follow
            info.external_attr = 0o100644 << 16
            zipped.writestr(info, data)
    data = archive.getvalue()
    return Package(data, hashlib.sha256(data).hexdigest())


def _ours() -> Iterator[tuple[str, bytes]]:
    root = Path(__file__).parents[2]
    waiting, seen = [ENTRY], set[str]()
    while waiting:
        name = waiting.pop()
        file = _file(root, name)
        if file is None or name in seen:
            continue
        seen.add(name)
        source = file.read_bytes()
        yield file.relative_to(root).as_posix(), source
        waiting += [name.rpartition(".")[0], *_imports(source)]


def _file(root: Path, name: str) -> Path | None:
    """The file of a module of ours; None for somebody else's and for what is no module."""
    if name.partition(".")[0] not in (ENTRY, "lobby"):
        return None
    path = root.joinpath(*name.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _imports(source: bytes) -> Iterator[str]:
    """The modules that ``source`` may import, at once or later, and the names it takes from them, which may be modules too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _pyjwt() -> Iterator[tuple[str, bytes]]:
    try:
        files = distribution("PyJWT").files or []
    except PackageNotFoundError:
        files = []
    for file in files:
        if file.parts[0] == "jwt" and file.suffix == ".py":
            yield file.as_posix(), file.read_binary()
        elif file.name == "LICENSE":  # which asks to come along
            yield "jwt/LICENSE", file.read_binary()
    if not files:
        raise LobbyError("The zip needs PyJWT, and pip does not know of one here. `pip install pyjwt` brings it.")
