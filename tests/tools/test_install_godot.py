"""`lobby install-godot` on games that tests make. In the engine: tests/godot/test_install.py."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from lobby import console
from lobby.cli import main
from lobby.errors import LobbyError
from lobby.tools.install_godot import ADDON, PLUGIN, addon_files, registered, unregistered
from lobby.viewer import client

ROOT = Path(__file__).parents[2]
SAVED = """; Engine configuration file.

config_version=5

[application]

config/name="A \\"game\\"
[autoload]
in two lines"
config/features=PackedStringArray("4.6", "Forward Plus")

[autoload]

Music="*res://music.gd"

[editor_plugins]

enabled=PackedStringArray("res://addons/gut/plugin.cfg")

[input]

jump={
"deadzone": 0.2,
"events": [Object(InputEventKey,"resource_local_to_scene":false)
]
}
"""


def lobby(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["install-godot", *map(str, words)])


def failed(result: Result) -> str:
    """The one sentence of a command that failed."""
    assert result.exit_code == 1, result.output
    assert result.output.startswith("lobby: ")
    assert result.output.count("\n") == 1
    return result.output.removeprefix("lobby: ").strip()


@pytest.fixture
def game(tmp_path: Path) -> Path:
    folder = tmp_path / "my game"
    folder.mkdir()
    (folder / "project.godot").write_text(SAVED)
    (folder / "main.tscn").write_text('[gd_scene format=3]\n\n[node name="Main" type="Node3D"]\n')
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_copies_registers_writes_and_prints_the_next_steps(game: Path) -> None:
    result = lobby(game, "--url", "wss://lobby.example/prod")
    assert result.exit_code == 0, result.output
    assert "\tLobbyController.join()\n\tLobbyController.track(self)\n" in result.output
    assert {name.removeprefix(ADDON + "/") for name in files(game) if name.startswith(ADDON)} == set(addon_files())
    assert json.loads((game / "lobby_config.json").read_text()) == {"url": "wss://lobby.example/prod"}
    text = (game / "project.godot").read_text()
    added = set(text.splitlines()) - set(SAVED.splitlines())
    assert added == {
        'LobbyController="*res://addons/lobby_presence/lobby_client.gd"',
        'enabled=PackedStringArray("res://addons/gut/plugin.cfg", "res://addons/lobby_presence/plugin.cfg")',
    }
    assert 'Music="*res://music.gd"\nLobbyController=' in text


def test_twice_changes_nothing_and_remove_undoes_it(game: Path) -> None:
    before = files(game)
    lobby(game)
    after = files(game)
    result = lobby(game)
    assert "already" in result.output
    assert files(game) == after
    assert lobby(game, "--remove").exit_code == 0
    assert files(game) == before
    assert not (game / "addons").exists()
    assert lobby(game, "--remove").exit_code == 0
    assert files(game) == before


def test_check_prints_what_is_missing(game: Path) -> None:
    before = files(game)
    result = lobby(game, "--check")
    assert result.exit_code == 1
    assert result.output.count("\n") == 4
    assert files(game) == before
    lobby(game)
    assert lobby(game, "--check").exit_code == 0
    (game / ADDON / "lobby_client.gd").write_text("older")
    result = lobby(game, "--check")
    assert (result.exit_code, result.output) == (1, f"the folder {ADDON} has another version\n")
    lobby(game)
    assert lobby(game, "--check").exit_code == 0


def test_the_address_can_be_changed_and_other_settings_stay(game: Path) -> None:
    lobby(game)
    config = game / "lobby_config.json"
    config.write_text('{"url": "ws://one/", "room": "hub"}')
    lobby(game)
    assert json.loads(config.read_text()) == {"url": "ws://one/", "room": "hub"}
    lobby(game, "--url", "ws://two/")
    assert json.loads(config.read_text()) == {"url": "ws://two/", "room": "hub"}
    result = lobby(game, "--remove")
    assert "lobby_config.json stays" in result.output
    assert config.exists()


def test_files_beside_the_addon_stay(game: Path) -> None:
    lobby(game)
    (game / ADDON / "mine.gd").write_text("extends Node\n")
    assert f"{ADDON} stays" in lobby(game, "--remove").output
    assert [name for name in files(game) if name.startswith(ADDON)] == [f"{ADDON}/mine.gd"]


def test_the_lines_are_for_the_kind_of_game_that_it_is(game: Path) -> None:
    assert "LobbyPlayers3D" in lobby(game).output
    (game / "main.tscn").write_text('[node name="Main" type="Node2D"]\n[node name="Player" type="CharacterBody2D"]\n')
    assert "LobbyPlayers2D" in lobby(game).output
    assert "LobbyPlayers3D" in lobby(game, "--3d").output
    (game / "main.tscn").unlink()
    assert "LobbyPlayers3D" in lobby(game).output
    assert "LobbyPlayers2D" in lobby(game, "--2d").output


def test_a_game_that_uses_the_same_names_is_left_alone(game: Path) -> None:
    (game / ADDON).mkdir(parents=True)
    (game / ADDON / "plugin.cfg").write_text('[plugin]\nname="Another plugin"\n')
    before = files(game)
    assert failed(lobby(game)) == f"This game already has another folder {ADDON}. Nothing was changed."
    assert "already has another" in lobby(game, "--check").output
    assert files(game) == before
    (game / ADDON / "plugin.cfg").unlink()
    (game / ADDON).rmdir()
    (game / "project.godot").write_text(SAVED.replace("Music=", 'LobbyController="*res://mine.gd"\nMusic='))
    before = files(game)
    assert failed(lobby(game)).startswith('This game already has another autoload LobbyController: "*res://mine.gd".')
    assert files(game) == before


def test_an_autoload_that_the_editor_wrote_down_by_its_number_is_the_same(game: Path) -> None:
    number = addon_files()["lobby_client.gd.uid"].decode().strip()
    lobby(game)
    project = game / "project.godot"
    project.write_text(project.read_text().replace("res://addons/lobby_presence/lobby_client.gd", number))
    assert lobby(game, "--check").exit_code == 0
    lobby(game, "--remove")
    assert project.read_text() == SAVED


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "is not a Godot project: it contains no project.godot."),
        (b"config_version=4\n", "is a project of Godot 3 or older"),
        (b"", "is a project of Godot 3 or older"),
        (b'config_version=5\n[application]\nconfig/features=PackedStringArray("4.2", "Mobile")\n', "is a project of Godot 4.2"),
        (b"config_version=5\n\xff\xfe", "is not UTF-8 text"),
    ],
)
def test_a_folder_that_is_not_a_suitable_game_is_one_sentence(tmp_path: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / "project.godot").write_bytes(content)
    before = files(tmp_path)
    for words in ((), ("--check",), ("--remove",)):
        assert said in failed(lobby(tmp_path, *words))
    assert files(tmp_path) == before


def test_errors_of_the_file_system_are_one_sentence_and_leave_nothing_incomplete(game: Path, tmp_path: Path) -> None:
    assert "There is no folder" in failed(lobby(tmp_path / "nowhere"))
    (game / "addons").write_text("a file where a folder should be")
    before = files(game)
    assert failed(lobby(game)).startswith("Cannot use ")
    assert files(game) == before
    (game / "addons").unlink()
    for broken in (b"no JSON", b"[]", b"\xff"):
        (game / "lobby_config.json").write_bytes(broken)
        before = files(game)
        for words in ([], ["--url", "ws://two/"], ["--remove"]):
            assert failed(lobby(game, *words)).startswith("Cannot read ")
            assert files(game) == before
    (game / "project.godot").unlink()
    (game / "project.godot").mkdir()
    assert "Is a directory" in failed(lobby(game))


def test_words_that_make_no_sense_are_errors_of_usage(game: Path) -> None:
    assert lobby().exit_code == 2
    assert "is no address of a lobby" in failed(lobby(game, "--url", "ftp://nowhere/"))


def test_the_zip_for_the_asset_library_has_the_addon_only_and_the_same_bytes_every_time(tmp_path: Path) -> None:
    for name in ("one.zip", "two.zip"):
        assert lobby("--zip", tmp_path / name).exit_code == 0
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert {name.removeprefix(ADDON + "/") for name in archive.namelist()} == set(addon_files())
        assert all(name.startswith(ADDON + "/") for name in archive.namelist())
    assert failed(lobby("--zip", tmp_path)).startswith("Cannot use ")


def test_the_wheel_contains_the_addon_and_the_files_of_both_pages(tmp_path: Path) -> None:
    build = (
        "import sys; from hatchling.builders.wheel import WheelBuilder; print(*WheelBuilder('.').build(directory=sys.argv[1]))"
    )
    done = subprocess.run([sys.executable, "-c", build, tmp_path], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "site")
    count = (
        "from lobby.console import files; from lobby.tools.install_godot import addon_files; from lobby.viewer import client; "
        "print(len(addon_files()), len(files()), len(client()))"
    )
    said = subprocess.run(
        [sys.executable, "-c", count],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.stdout.split() == [str(len(found)) for found in (addon_files(), console.files(), client())], said.stderr


# ── project.godot, as text ──────────────────────────────────────────────────────────────────────────────────────────

VALUES = st.sampled_from(
    [
        '"x"',
        "5",
        '"[autoload]"',
        '"a\n[editor_plugins]\nb"',
        '{\n"a": [1, 2]\n}',
        '"\\""',
        'PackedStringArray("a")',
        '"; no comment"',
    ]
)
LINES = st.builds("{}={}".format, st.sampled_from(["config/name", "Music", "jump", "a.b"]), VALUES)
SECTIONS = st.builds(
    lambda name, lines, gap: f"\n[{name}]\n" + "\n" * gap + "".join(line + "\n" for line in lines),
    st.sampled_from(["application", "autoload", "input", "rendering"]),
    st.lists(LINES, min_size=1, max_size=3),
    st.integers(0, 1),
)
PLUGINS = st.sampled_from(
    ["", '\n[editor_plugins]\n\nenabled=PackedStringArray("res://addons/gut/plugin.cfg")\n', "\n[editor_plugins]\n\nother=1\n"]
)


@given(
    st.lists(SECTIONS, max_size=4, unique_by=lambda section: section.split("]")[0]),
    PLUGINS,
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
)
def test_whatever_else_is_in_it_stays_byte_for_byte(parts: list[str], plugins: str, ends: bool, newline: str) -> None:
    text = "; a comment\n\nconfig_version=5\n" + "".join(parts) + plugins
    text = (text if ends else text.rstrip("\n")).replace("\n", newline)
    after = registered(text)
    assert registered(after) == after
    assert after.count(PLUGIN) == 1
    assert after.count("LobbyController=") == 1
    assert unregistered(after) == text
    rest = iter(after)
    assert all(character in rest for character in text), "something was taken out"


def test_plugins_in_several_lines_are_left_to_the_editor() -> None:
    with pytest.raises(LobbyError, match="on several lines"):
        registered('config_version=5\n\n[editor_plugins]\n\nenabled=PackedStringArray("a",\n"b")\n')


@pytest.mark.parametrize(
    ("file", "text", "place"),
    [
        ("player.gd", "extends Node\nclass_name LobbyPlayer\n", "player.gd, line 2: the class LobbyPlayer"),
        ("a/b/roster.gd", "class_name LobbyPlayer extends Node", "a/b/roster.gd, line 1: the class LobbyPlayer"),
        ("addons/other/x.gd", '@icon("x.svg") class_name LobbyClient', "addons/other/x.gd, line 1: the class LobbyClient"),
        ("inner.gd", "extends Node\n\nclass LobbyPlayer:\n\tpass", "inner.gd, line 3: the class LobbyPlayer"),
        ("mine.gd", "\n\nclass_name LobbyController", "mine.gd, line 3: the class LobbyController"),
        ("semicolon.gd", "@tool; extends Node; class_name LobbyPlayer", "semicolon.gd, line 1: the class LobbyPlayer"),
        ("long.gd", "class_name \\\n\t# and now\n\tLobbyPlayer", "long.gd, line 3: the class LobbyPlayer"),
        ("old_mac.gd", "class_name LobbyPlayer\rextends Node\r", "old_mac.gd, line 1: the class LobbyPlayer"),
        ("bom.gd", "\ufeffclass_name LobbyPlayer", "bom.gd, line 1: the class LobbyPlayer"),
        ("LOUD.GD", "class_name LobbyPlayer", "LOUD.GD, line 1: the class LobbyPlayer"),
        ("latin.gd", b"# \xe9\xff\nclass_name LobbyPlayer", "latin.gd, line 2: the class LobbyPlayer"),
        ("icon.gd", '@icon("res://a)#;.svg")\nclass_name LobbyPlayer', "icon.gd, line 2: the class LobbyPlayer"),
        ("after.gd", 'var a := """\n#"""\nvar b := "\\"#"; class LobbyPlayer: pass', "after.gd, line 3: the class LobbyPlayer"),
        ("raw.gd", "var a := r'\\d'\n# don't \\\nclass LobbyPlayer: pass", "raw.gd, line 3: the class LobbyPlayer"),
        (
            "Mine.cs",
            "using Godot;\n[Tool, GlobalClass]\npublic partial class LobbyPlayers3D : Node {}",
            "Mine.cs, line 3: the class",
        ),
        (
            "Path.cs",
            'var a = @"c:\\"; /* " */ var b = \'"\';\n[GlobalClass, Icon("]")] // it\'s {\nclass LobbyPlayer : Node {}',
            "Path.cs, line 3: the class",
        ),
    ],
)
def test_a_game_that_has_a_global_name_of_the_addon_is_refused_before_anything_changes(
    tmp_path: Path, file: str, text: str | bytes, place: str
) -> None:
    (tmp_path / "project.godot").write_text(SAVED)
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_bytes(text if isinstance(text, bytes) else text.encode())
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert failed(lobby(tmp_path)).startswith(place)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_an_autoload_with_the_name_of_a_class_is_refused(tmp_path: Path) -> None:
    (tmp_path / "project.godot").write_text(SAVED.replace('Music="', 'LobbyPlayer="'))
    assert failed(lobby(tmp_path)).startswith("project.godot, line 14: the autoload LobbyPlayer")


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("other.gd", "class_name LobbyPlayerOfMine"),
        ("comment.gd", "# class_name LobbyPlayer"),
        ("text.gd", 'var a := """\nclass_name LobbyPlayer\n"""'),
        ("one_quote.gd", "var a := '\nclass_name LobbyPlayer\n'"),
        ("escaped.gd", 'var a := "\\"\nclass LobbyPlayer:\n"'),
        ("raw.gd", "var a := r'''\\'''\nclass LobbyPlayer:\n'''"),
        ("broken.gd", "class_name"),
        ("other_kind.gd", "const LobbyPlayer := 1\nvar my_class := LobbyPlayer"),
        (".hidden.gd", "class_name LobbyPlayer"),
        ("project/x.gd", "class_name LobbyPlayer"),
        ("Comment.cs", "// [GlobalClass]\npublic partial class LobbyPlayer : Node {}"),
        ("Comments.cs", "/*\n[GlobalClass]\nclass LobbyPlayer : Node {}\n*/"),
        ("Text.cs", 'var a = @"\\""\n[GlobalClass] class LobbyPlayer";'),
        ("ignored/x.gd", "class_name LobbyPlayer"),
        (".godot/x.gd", "class_name LobbyPlayer"),
        ("NotGlobal.cs", "public partial class LobbyPlayer : Node {}"),
    ],
)
def test_other_names_do_not_prevent_an_installation(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / "project.godot").write_text(SAVED)
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    if file.startswith("ignored"):
        (tmp_path / "ignored/.gdignore").touch()
    if file.startswith("project"):
        (tmp_path / "project/project.godot").touch()
    assert lobby(tmp_path).exit_code == 0
    assert lobby(tmp_path).exit_code == 0, "once more"


def test_scripts_behind_a_link_count_and_links_that_lead_nowhere_or_back_do_not_disturb(game: Path, tmp_path: Path) -> None:
    (game / "back").symlink_to(game)
    (game / "nowhere.gd").symlink_to("nothing.gd")
    (game / "nowhere.tscn").symlink_to("nothing.tscn")
    (game / "folder.tscn").mkdir()
    assert lobby(game).exit_code == 0
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/player.gd").write_text("class_name LobbyPlayer")
    (game / "link").symlink_to(tmp_path / "shared")
    assert failed(lobby(game)).startswith("link/player.gd, line 1: the class LobbyPlayer")


def test_a_script_that_cannot_be_read_is_named_before_anything_changes(game: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (game / "locked.gd").touch()
    before, read = files(game), Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "locked.gd":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refuse)
        assert failed(lobby(game)) == f"Cannot use {game / 'locked.gd'}: Permission denied."
        assert failed(lobby(game, "--check")) == f"Cannot use {game / 'locked.gd'}: Permission denied."
    assert files(game) == before


@pytest.mark.parametrize(
    "ending", ["[autoload]\n", "[autoload]\n\n", "[autoload]\n\n[input]\n\na=1\n", "[autoload]\n[input]\n"]
)
def test_an_empty_section_stays_when_the_addon_is_removed(ending: str) -> None:
    text = "config_version=5\n\n" + ending
    assert unregistered(registered(text)) == text
