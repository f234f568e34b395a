"""`lobby package`: the zip that Lambda runs. The same input gives the same bytes on every machine.

The zip contains ``trading_lobby_ws.py``, the modules of ours that it imports, directly or indirectly, and PyJWT. Lambda's
Python has everything else that the function needs. Nothing is compiled, nothing is downloaded.
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
from lobby.roomfile import IN_ZIP

ENTRY = "trading_lobby_ws"
"""The module whose ``handler`` AWS calls; the template names it, too."""

FOLDER = "lobby/"
"""The folder of zips in the bucket; ``infrastructure/lobby-s3-policy.json`` grants access to it."""


class Package(NamedTuple):
    """A zip and its hash."""

    data: bytes
    sha256: str

    @property
    def key(self) -> str:
        """The key in a bucket. It depends on the contents, because CloudFormation compares keys: it then sees a change exactly
        if there is one."""
        return f"{FOLDER}lobby-function-{self.sha256[:12]}.zip"


def build(rooms: str = "") -> Package:
    """Builds the zip from the installed package, with the text of a file with settings of rooms. Raises :class:`LobbyError`."""
    archive = io.BytesIO()
    # Stored, not compressed: versions of zlib may compress the same bytes differently, and Lambda unpacks the zip anyway.
    with ZipFile(archive, "w", ZIP_STORED) as zipped:
        for name, data in sorted((*_ours(), *_pyjwt(), *_rooms(rooms))):
            info = ZipInfo(name, (1980, 1, 1, 0, 0, 0))  # the earliest time in a zip
            info.create_system = 3  # Unix on every machine, because the permissions that follow are those of Unix
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
    """The file of one of our modules; None for other names."""
    if name.partition(".")[0] not in (ENTRY, "lobby"):
        return None
    path = root.joinpath(*name.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _imports(source: bytes) -> Iterator[str]:
    """The modules that ``source`` imports anywhere, and the names that it imports from them, which may be modules, too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _rooms(text: str) -> Iterator[tuple[str, bytes]]:
    if text:
        yield IN_ZIP, text.encode()


def _pyjwt() -> Iterator[tuple[str, bytes]]:
    try:
        files = distribution("PyJWT").files or []
    except PackageNotFoundError:
        files = []
    for file in files:
        if file.parts[0] == "jwt" and file.suffix == ".py":
            yield file.as_posix(), file.read_binary()
        elif file.name == "LICENSE":  # the license requires its inclusion
            yield "jwt/LICENSE", file.read_binary()
    if not files:
        raise LobbyError("The zip needs PyJWT, which is not installed here. `pip install pyjwt` installs it.")
