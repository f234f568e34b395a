"""Where the code of functions is on this machine: finds it, unpacks zips, and notices changes."""

from __future__ import annotations

import asyncio
import compileall
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple, Self

from lobby.emulator.functions import BucketCode, CodeSource, InlineCode, LambdaFunction, Language, LocalCode, language
from lobby.emulator.programs import PYTHON_PACKAGES, RUNTIMES_FOLDER, Machine
from lobby.errors import LobbyError

NODE_VERSION = (18, 19)
"""The oldest Node.js that runs functions here."""

COMPILED_MODULES = 500
"""Up to so many Python modules of a zip are compiled when it is unpacked. More would delay the start."""

INLINE_SUFFIX: Mapping[Language, str] = {"python": ".py", "nodejs": ".js"}


@dataclass(frozen=True)
class CodeOptions:
    """Where code is. ``folder`` is that of the template. ``given`` maps functions and layers to folders and zips, by their
    names, by their names in the template, or by their keys in a bucket. ``default`` is the code of all other functions; None:
    the template states it."""

    folder: Path = field(default_factory=Path)
    given: Mapping[str, Path] = field(default_factory=dict)
    default: Path | None = None


class FunctionCode(NamedTuple):
    """The code of a function: its folder and the folders of its layers. ``origins`` are the files and folders that may
    change."""

    root: Path
    layers: tuple[Path, ...]
    origins: tuple[Path, ...]


class FunctionCodes:
    """The code of the functions of a stack. ``with`` it: at the end the unpacked zips are deleted."""

    def __init__(self, options: CodeOptions, functions: Mapping[str, LambdaFunction]) -> None:
        self._options, self._functions = options, functions
        self._codes: dict[str, FunctionCode] = {}
        self._folder: tempfile.TemporaryDirectory[str]
        self._made = 0

    def __enter__(self) -> Self:
        # Resolved: on macOS the folder for temporary files is a link, and code compares such paths.
        self._folder = tempfile.TemporaryDirectory(prefix="emulator-")
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def prepare(self) -> None:
        """Finds and unpacks the code of all functions. Raises LobbyError."""
        unknown = sorted(set(self._options.given) - self._names())
        if unknown:
            known = ", ".join(sorted(function.logical or name for name, function in self._functions.items()))
            raise LobbyError(f"--code {unknown[0]}=...: the template has no such function or layer; its functions are {known}.")
        for name in self._functions:
            self.find(name)

    def _names(self) -> set[str]:
        names: set[str] = set()
        for function in self._functions.values():
            owners = [(function.name, function.logical, function.source)]
            owners += [(layer.arn, layer.logical, layer.source) for layer in function.layers]
            for name, logical, source in owners:
                names |= {name, logical, *([source.key] if isinstance(source, BucketCode) else [])}
        return names

    def __getitem__(self, name: str) -> FunctionCode:
        return self._codes[name]

    @property
    def origins(self) -> dict[Path, set[str]]:
        """The files and folders from which code comes, and the names of the functions that use each."""
        found: dict[Path, set[str]] = {}
        for name, code in self._codes.items():
            for origin in code.origins:
                found.setdefault(origin, set()).add(name)
        return found

    def find(self, name: str) -> None:
        """Finds and unpacks the code of one function, again if it has changed. Raises LobbyError."""
        function = self._functions[name]
        about = function.logical or function.name
        runs = language(function)
        if self._options.default is not None and not self._given(function.name, function.logical, function.source):
            origin = self._options.default
            if not origin.exists():
                raise LobbyError(
                    f"{origin} does not exist. --code must be a folder or a zip with the handlers of the functions."
                )
            root: Path = self._unpacked(origin)
            origins = [origin]
        elif isinstance(function.source, InlineCode) and not self._given(function.name, function.logical, None):
            root, origins = self._inline(function, function.source, runs), []
        else:
            origin = self._origin(f"The code of the function {about}", function.name, function.logical, function.source)
            root, origins = self._unpacked(origin), [origin]
        layers = []
        for layer in function.layers:
            origin = self._origin(f"The layer {layer.logical or layer.arn} of {about}", layer.arn, layer.logical, layer.source)
            layers.append(self._unpacked(origin))
            origins.append(origin)
        self._codes[name] = FunctionCode(root, tuple(layers), tuple(path.resolve() for path in origins))

    def _given(self, name: str, logical: str, source: CodeSource | None) -> Path | None:
        keys = (name, logical, *([source.key] if isinstance(source, BucketCode) else []))
        return next((self._options.given[key] for key in keys if key in self._options.given), None)

    def _origin(self, about: str, name: str, logical: str, source: CodeSource | None) -> Path:
        """The folder, file or zip on this machine."""
        given = self._given(name, logical, source)
        option = f"--code {logical or name}=PATH"
        if given is not None:
            if not given.exists():
                raise LobbyError(f"{about} is {given}, which does not exist. {option} must name a folder or a zip.")
            return given
        if isinstance(source, BucketCode):
            # The Serverless Framework writes NAME.zip beside the template, CDK the folder or zip asset.NAME.
            key = Path(source.key)
            for beside in (self._options.folder / name for name in (key.name, f"asset.{key.stem}", f"asset.{key.name}")):
                if beside.exists():
                    return beside
            raise LobbyError(f"{about} is in a bucket ({source.key}). Name its folder or zip here with {option}.")
        if isinstance(source, LocalCode):
            path = self._options.folder / source.path
            if not path.exists():
                raise LobbyError(f"{about} is {path}, which does not exist. Build it, or name another one with {option}.")
            return path
        raise LobbyError(f"{about} is not in the template. Name its folder or zip with {option}.")

    def _new_folder(self) -> Path:
        self._made += 1
        folder = Path(self._folder.name).resolve() / str(self._made)
        folder.mkdir()
        return folder

    def _inline(self, function: LambdaFunction, source: InlineCode, runs: Language) -> Path:
        module = function.handler.rpartition(".")[0]
        if module != "index":
            about = f"The function {function.logical} has inline code, which AWS stores as the module index"
            raise LobbyError(f"{about}; its Handler is {function.handler}.")
        folder = self._new_folder()
        (folder / f"index{INLINE_SUFFIX[runs]}").write_text(source.text, encoding="utf-8")
        if runs == "python":
            shutil.copy(RUNTIMES_FOLDER / "cfnresponse.py", folder)
        return folder

    def _unpacked(self, origin: Path) -> Path:
        """A folder with the code of a folder, of a zip, or of a single file."""
        if origin.is_dir():
            return origin.resolve()
        folder = self._new_folder()
        if not zipfile.is_zipfile(origin):
            if origin.suffix in (".zip", ".jar"):
                raise LobbyError(f"{origin} is no zip.")
            shutil.copy(origin, folder)
            return folder
        with zipfile.ZipFile(origin) as archive:
            for info in archive.infolist():
                path = archive.extract(info, folder)
                if (mode := info.external_attr >> 16 & 0o777) and not info.is_dir():
                    os.chmod(path, mode | 0o600)  # commands inside a zip can be run
            modules = sum(name.endswith(".py") for name in archive.namelist())
        if 0 < modules <= COMPILED_MODULES:
            compileall.compile_dir(folder, quiet=2)  # else each of many cold starts at once would do it
        return folder


async def watch(codes: FunctionCodes, changed: Callable[[str, list[Path]], None], log: Callable[[str], None]) -> None:
    """Calls ``changed`` with the name of each function whose code has changed, and the changed files. Runs until it is
    cancelled. If this machine cannot watch so many files, ``log`` gets one line."""
    from watchfiles import DefaultFilter, awatch

    origins = codes.origins
    if not origins:
        return
    try:
        async for changes in awatch(*origins, watch_filter=DefaultFilter(), debounce=50, step=20):
            files = sorted({Path(path) for _, path in changes})
            for origin, names in origins.items():
                inside = [file for file in files if file == origin or origin in file.parents]
                for name in names if inside else ():
                    changed(name, inside)
    except OSError as error:
        log(f"This machine cannot watch the code for changes ({error.strerror or error}). Start again after a change.")


async def find_machine(functions: Mapping[str, LambdaFunction], log: Callable[[str], None]) -> Machine:
    """What this machine provides for the functions. ``log`` gets one line for each function that runs with another version of
    its language than on AWS. Raises LobbyError if a language is missing."""
    languages = {name: language(function) for name, function in functions.items()}
    commands: dict[Language, tuple[str, ...]] = {"python": (sys.executable,)}
    versions: dict[Language, str] = {"python": f"Python {sys.version_info.major}.{sys.version_info.minor}"}
    if "nodejs" in languages.values():
        example = next(name for name, runs in languages.items() if runs == "nodejs")
        node, version = await _node(functions[example].logical or example)
        commands["nodejs"], versions["nodejs"] = (node,), f"Node.js {version[0]}.{version[1]}"
    for name, runs in languages.items():
        ours = versions[runs].partition(" ")[2]
        theirs = functions[name].runtime.removeprefix(runs).removesuffix(".x")
        if (ours if runs == "python" else ours.partition(".")[0]) != theirs:
            log(f"{functions[name].logical or name}: {functions[name].runtime} on AWS, {versions[runs]} of this machine here.")
    packages = {name: folder for name in PYTHON_PACKAGES if (folder := _package_folder(name))}
    here = Path("node_modules").resolve()
    return Machine(dict(os.environ), commands, packages, (here,) if here.is_dir() else ())


async def _node(function: str) -> tuple[str, tuple[int, int]]:
    """The path and the version of ``node``."""
    wanted = f"Node.js {'.'.join(map(str, NODE_VERSION))} or later"
    path = shutil.which("node")
    if path is None:
        raise LobbyError(f"The function {function} needs node, which is not installed. Install {wanted}.")
    process = await asyncio.create_subprocess_exec(path, "--version", stdout=asyncio.subprocess.PIPE)
    text = (await process.communicate())[0].decode().strip()
    try:
        major, minor, *_ = text.lstrip("v").split(".")
        version = int(major), int(minor)
    except ValueError:
        raise LobbyError(f"{path} --version printed {text!r}. Install {wanted}.") from None
    if version < NODE_VERSION:
        raise LobbyError(f"The function {function} needs {wanted}; {path} is {text}.")
    return path, version


def _package_folder(name: str) -> str | None:
    """The folder that contains a package of this machine."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent
    return str(path.parent if spec.submodule_search_locations else path)
