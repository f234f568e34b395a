"""`lobby install-godot`: installs the addon in a Godot game, and removes it.

Of the game's own files it changes only ``project.godot``, and there only the lines that register the autoload and the plugin:
:func:`registered` and :func:`unregistered` are functions from text to text. All checks come before the first change.
"""

from __future__ import annotations

import os
import re
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from lobby.errors import LobbyError
from lobby.tools import game_config

ADDON = "addons/lobby_presence"
CONFIG = "lobby_config.json"
AUTOLOAD = "LobbyController"
CLIENT = f'"*res://{ADDON}/lobby_client.gd"'
PLUGIN = f'"res://{ADDON}/plugin.cfg"'
URL = "ws://127.0.0.1:8765/"

OLDEST_GODOT = (4, 4)
"""The oldest Godot with typed dictionaries, which the addon uses."""

SCENES = 500
"""The largest number of scenes that are read to detect whether a game is 2D or 3D."""


def addon_files() -> dict[str, bytes]:
    """The files of the addon by their path in its folder, from this package or from a checkout. Raises :class:`LobbyError`."""
    here = Path(__file__).parents[1]
    folder = next((at for at in (here / "addon", here.parents[1] / "game" / ADDON) if at.is_dir()), None)
    if folder is None:
        raise LobbyError(
            "This installation of serverless-lobby lacks the Godot addon. Install it again: pip install serverless-lobby"
        )
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def is_client(value: str) -> bool:
    """Whether the value of an autoload is the addon's client. The editor may write its uid in place of its path."""
    return value == CLIENT or value.strip('"*') == addon_files()["lobby_client.gd.uid"].decode().strip()


# ── project.godot ───────────────────────────────────────────────────────────────────────────────────────────────────


def _sections(text: str) -> dict[str, tuple[int, int]]:
    """Start and end of the body of each section. Headers inside strings and lists do not count."""
    found: dict[str, tuple[int, int]] = {}
    name, begin, depth, in_text = "", 0, 0, False
    for line in re.finditer(r".*(?:\n|$)", text):
        header = re.fullmatch(r"\[([^\]\n]*)\]\s*", line[0]) if depth == 0 and not in_text else None
        if header:
            found[name] = (begin, line.start())
            name, begin = header[1], line.end()
            continue
        if not in_text and line[0].lstrip().startswith(";"):
            continue
        for token in re.finditer(r'\\.|["\[\](){}]', line[0], re.S):
            if token[0] == '"':
                in_text = not in_text
            elif not in_text and token[0][0] != "\\":
                depth += 1 if token[0] in "[({" else -1
    found[name] = (begin, len(text))
    return found


def _line(text: str, section: str, key: str) -> re.Match[str] | None:
    """The line of ``key`` in ``section``; None if there is none."""
    begin, end = _sections(text).get(section, (0, 0))
    return re.compile(rf"^{re.escape(key)}=(.*?)(\r?\n|\Z)", re.M).search(text, begin, end)


def _with_line(text: str, section: str, line: str) -> str:
    """``text`` with a new line at the end of a section, which is added if it is missing."""
    newline = "\r\n" if "\r\n" in text else "\n"
    if section not in _sections(text):
        end = newline if text.endswith("\n") else ""  # keeps the end of the text, so that this can be undone
        gap = newline if end else newline * 2
        return f"{text}{gap}[{section}]{newline}{newline}{line}{end}"
    begin, stop = _sections(text)[section]
    at = begin + len(text[begin:stop].rstrip())
    if at == begin:  # an empty section: directly below its header, so that `_without_line` knows that it was there
        header = text[:at] if text[:at].endswith("\n") else text[:at] + newline
        return f"{header}{line}{newline}{text[at:]}"
    return f"{text[:at]}{newline}{line}{text[at:]}"


def _without_line(text: str, section: str, found: re.Match[str]) -> str:
    """``text`` without a line, and without its section if the line was the only one: undoes :func:`_with_line`."""
    begin, end = _sections(text)[section]
    is_alone = not text[begin : found.start()].strip() and not text[found.end() : end].strip()
    if is_alone and found.start() == begin:  # the section was there before, and empty
        return text[:begin] + text[found.end() :]
    if is_alone:
        before, after = text[: text.rindex(f"[{section}]", 0, begin)], text[end:]
    else:
        before, after = text[: found.start()], text[found.end() :]
    cut = 0 if after else (1 if is_alone else 0) + (0 if found[2] else 1)
    for _ in range(cut):
        before = before.removesuffix("\n").removesuffix("\r")
    return before + after


def registered(text: str) -> str:
    """``project.godot`` with the autoload and the plugin."""
    if not _line(text, "autoload", AUTOLOAD):
        text = _with_line(text, "autoload", f"{AUTOLOAD}={CLIENT}")
    enabled = _line(text, "editor_plugins", "enabled")
    if not enabled:
        return _with_line(text, "editor_plugins", f"enabled=PackedStringArray({PLUGIN})")
    if PLUGIN in enabled[1]:
        return text
    if ")" not in enabled[1]:
        raise LobbyError(
            "project.godot lists its plugins on several lines. Open the project in Godot once: it writes them on one line."
        )
    at = enabled.start(1) + enabled[1].rindex(")")
    return text[:at] + ("" if enabled[1].rstrip().endswith("()") else ", ") + PLUGIN + text[at:]


def unregistered(text: str) -> str:
    """``project.godot`` as it was before :func:`registered`."""
    enabled = _line(text, "editor_plugins", "enabled")
    if enabled and PLUGIN in enabled[1]:
        others = enabled[1].replace(f"{PLUGIN}, ", "").replace(f", {PLUGIN}", "").replace(PLUGIN, "")
        if others == "PackedStringArray()":
            text = _without_line(text, "editor_plugins", enabled)
        else:
            text = text[: enabled.start(1)] + others + text[enabled.end(1) :]
    autoload = _line(text, "autoload", AUTOLOAD)
    if autoload and is_client(autoload[1]):
        text = _without_line(text, "autoload", autoload)
    return text


_NO_CODE = re.compile(
    r"""(?:\#|//)[^\n]*|/\*.*?\*/"""  # comments
    r"""|(?:@\$?"(?:[^"]|"")*")"""  # a string of C# in which a backslash is a character like others
    r"""|(\"{3}|'{3}|["'])(?:\\.|(?!\1)[^\\])*+\1""",
    re.S,
)
"""Comments and strings of GDScript and C#."""
_CLASS = {
    ".gd": re.compile(r"\bclass(?:_name)?\b[\s\\]+(\w+)"),  # an inner class counts: it may not hide a global one
    ".cs": re.compile(r"\[[^\]]*\bGlobalClass\b[^\]]*\][^;{]*?\bclass\s+(\w+)"),
}
"""A class that Godot knows by its name, in code without comments and strings."""

_RENAME = "Rename it first. Nothing was changed."


def _code(data: bytes) -> str:
    """The text of a script with blanks in place of comments and strings, so that every line keeps its number."""
    return _NO_CODE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), data.decode(errors="replace"))


# ── a game ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Game:
    """A Godot project. Raises :class:`LobbyError` if there is none, or if the addon does not support it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.project = folder, folder / "project.godot"
        self.addon, self.config = folder / ADDON, folder / CONFIG
        with _file_errors(self.project):
            if not folder.is_dir():
                raise LobbyError(f"There is no folder {folder}.")
            if not self.project.exists():
                raise LobbyError(f"{folder} is not a Godot project: it contains no project.godot.")
            self.text = self.project.read_bytes().decode()
        version = re.search(r"^config_version=(\d+)", self.text, re.M)
        if version is None or int(version[1]) < 5:
            raise LobbyError(f"{folder} is a project of Godot 3 or older; the addon needs Godot 4.")
        saved = re.search(r'^config/features=.*?"(\d+)\.(\d+)"', self.text, re.M)
        if saved and (int(saved[1]), int(saved[2])) < OLDEST_GODOT:
            found, wanted = f"{saved[1]}.{saved[2]}", ".".join(map(str, OLDEST_GODOT))
            raise LobbyError(
                f"{folder} is a project of Godot {found}; the addon needs {wanted}. Open it with a newer version first."
            )

    def conflict(self) -> str:
        """What prevents an installation; empty if nothing does."""
        autoload = _line(self.text, "autoload", AUTOLOAD)
        if autoload and not is_client(autoload[1]):
            return f"This game already has another autoload {AUTOLOAD}: {autoload[1]}. Nothing was changed."
        with _file_errors(self.folder):
            if self.addon.exists() and not self._is_ours():
                return f"This game already has another folder {ADDON}. Nothing was changed."
            return self._taken_name()

    def _taken_name(self) -> str:
        """The first place in the game that has a global name of the addon; empty if there is none. Godot does not start a game
        in which two scripts, or a script and an autoload, have the same name."""
        scripts = (_code(data) for name, data in addon_files().items() if name.endswith(".gd"))
        ours = {found[1] for text in scripts for found in re.finditer(r"^class_name (\w+)", text, re.M)}
        begin, end = _sections(self.text).get("autoload", (0, 0))
        for found in re.finditer(r"^(\w+)=", self.text[begin:end], re.M):
            if found[1] in ours:
                line = self.text.count("\n", 0, begin + found.start()) + 1
                return f"project.godot, line {line}: the autoload {found[1]} has the name of a class of the addon. {_RENAME}"
        for path in self._scripts():
            text = _code(path.read_bytes())
            for found in _CLASS[path.suffix.lower()].finditer(text):
                if found[1] in ours | {AUTOLOAD}:
                    what = "the autoload" if found[1] == AUTOLOAD else "a class"
                    line = text.count("\n", 0, found.start(1)) + 1
                    where = path.relative_to(self.folder).as_posix()
                    return f"{where}, line {line}: the class {found[1]} has the name of {what} of the addon. {_RENAME}"
        return ""

    def _scripts(self) -> Iterator[Path]:
        """The scripts of the game that Godot reads. It follows links; it ignores hidden files, and projects in the project."""
        seen: set[Path] = set()  # a link may lead back
        for folder, folders, files in os.walk(self.folder, followlinks=True):
            here, real = Path(folder), Path(folder).resolve()
            is_other = here != self.folder and "project.godot" in files
            if ".gdignore" in files or is_other or here == self.addon or real in seen:
                folders.clear()
                continue
            seen.add(real)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            paths = (here / name for name in sorted(files) if not name.startswith("."))
            yield from (path for path in paths if path.suffix.lower() in _CLASS and path.is_file())

    def missing(self) -> list[str]:
        """What :meth:`install` would change, one sentence each."""
        with _file_errors(self.addon):
            here = {name: self.addon / name for name in addon_files()}
            if not self._is_ours():
                found = [f"the folder {ADDON} is missing"]
            elif any(not path.is_file() or path.read_bytes() != addon_files()[name] for name, path in here.items()):
                found = [f"the folder {ADDON} has another version"]
            else:
                found = []
        if not _line(self.text, "autoload", AUTOLOAD):
            found.append(f"the autoload {AUTOLOAD} is not registered in project.godot")
        enabled = _line(self.text, "editor_plugins", "enabled")
        if not enabled or PLUGIN not in enabled[1]:
            found.append("the plugin is not enabled in project.godot")
        if not self.config.exists():
            found.append(f"{CONFIG} is missing")
        return found

    def install(self, url: str = "") -> None:
        """Installs the addon. Installing it again is harmless. Raises :class:`LobbyError`."""
        if conflict := self.conflict():
            raise LobbyError(conflict)
        config = game_config.read(self.config)
        text = registered(self.text)
        with _file_errors(self.folder):
            if any(ADDON in line for line in self.missing()):
                _replace_folder(self.addon, addon_files())
            if not config or url not in ("", config.get("url")):
                game_config.write(url or URL, self.config)
            if text != self.text:
                self.project.write_bytes(text.encode())
        self.text = text

    def remove(self) -> list[str]:
        """Removes the addon. Returns the files that stay because they were changed after the installation."""
        text, kept, config = unregistered(self.text), [], game_config.read(self.config)
        with _file_errors(self.folder):
            if text != self.text:
                self.project.write_bytes(text.encode())
            if self._is_ours():
                for name in addon_files():
                    (self.addon / name).unlink(missing_ok=True)
                for folder in sorted({(self.addon / name).parent for name in addon_files()}, reverse=True):
                    _remove_if_empty(folder)  # the deepest first
                _remove_if_empty(self.addon.parent)
                if self.addon.exists():
                    kept.append(ADDON)
            if self.config.exists():
                if set(config) == {"url"}:
                    self.config.unlink()
                else:
                    kept.append(CONFIG)
        self.text = text
        return kept

    def dimensions(self) -> int:
        """2 or 3: the more frequent kind of node in its scenes."""
        flat = deep = 0
        for number, scene in enumerate(self.folder.rglob("*.tscn")):
            if number >= SCENES:
                break
            if ADDON not in scene.as_posix() and scene.is_file():
                nodes = re.findall(rb'type="\w*?([23])D"', scene.read_bytes())
                flat, deep = flat + nodes.count(b"2"), deep + nodes.count(b"3")
        return 2 if flat > deep else 3

    def _is_ours(self) -> bool:
        plugin = self.addon / "plugin.cfg"
        return plugin.is_file() and b'name="Lobby Presence"' in plugin.read_bytes()


def _replace_folder(folder: Path, files: dict[str, bytes]) -> None:
    """Writes ``files`` into a temporary folder and then renames it, so that the folder is never incomplete."""
    folder.parent.mkdir(exist_ok=True)
    beside = Path(mkdtemp(prefix=".lobby-", dir=folder.parent))
    try:
        for name, content in files.items():
            (beside / name).parent.mkdir(parents=True, exist_ok=True)
            (beside / name).write_bytes(content)
        beside.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


@contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    """Turns errors of the file system into a :class:`LobbyError`."""
    try:
        yield
    except UnicodeDecodeError:
        raise LobbyError(f"Cannot read {path}: it is not UTF-8 text.") from None
    except OSError as error:
        raise LobbyError(f"Cannot use {error.filename or path}: {error.strerror}.") from None


def lines(dimensions: int) -> list[str]:
    """The lines for the script of the player."""
    return [
        "LobbyController.join()",
        "LobbyController.track(self)",
        f"add_sibling.call_deferred(LobbyPlayers{dimensions}D.new())",
    ]


def write_zip(file: Path) -> None:
    """Writes the addon as a zip for the Asset Library; always the same bytes. Raises :class:`LobbyError`."""
    with _file_errors(file), zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in addon_files().items():
            entry = zipfile.ZipInfo(f"{ADDON}/{name}")  # with the date 1980-01-01, the earliest in a zip
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
