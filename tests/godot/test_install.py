"""An unrelated game gets the addon and three lines in its player's script. Two copies of it see each other."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from lobby.cli import main
from lobby.settings import Settings
from lobby.tools.install_godot import ADDON, lines
from tests.godot.engine import GAME, HERE, command, engine, environment, import_project
from tests.hosts import free_port, serving

PROJECT = """config_version=5

[application]

config/name="A game"
run/main_scene="res://main.tscn"
config/features=PackedStringArray("4.6")
"""

SCENE = """[gd_scene format=3]

[ext_resource type="Script" path="res://player.gd" id="1"]

[node name="Main" type="Node{d}D"]

[node name="Player" type="CharacterBody{d}D" parent="."]
script = ExtResource("1")
"""

PLAYER = """extends CharacterBody{d}D

func _ready() -> void:
	print("The game begins.")
{lines}

func _physics_process(_delta: float) -> void:
	velocity = Vector{d}.RIGHT * {speed}
	move_and_slide()
"""


@pytest.mark.parametrize(("dimensions", "speed"), [(3, 2.0), (2, 100.0)])
async def test_two_copies_of_a_game_with_three_more_lines_see_each_other(tmp_path: Path, dimensions: int, speed: float) -> None:
    game, home, port = tmp_path / "game", tmp_path / "home", free_port()
    game.mkdir()
    (game / "project.godot").write_text(PROJECT)
    (game / "main.tscn").write_text(SCENE.format(d=dimensions))
    result = CliRunner().invoke(main, ["install-godot", str(game), "--url", f"ws://127.0.0.1:{port}/"])
    lines = [line for line in result.output.splitlines() if line.startswith("\t")]
    assert len(lines) == 3, result.output
    (game / "player.gd").write_text(PLAYER.format(d=dimensions, speed=speed, lines="\n".join(lines)))
    import_project(home, game)

    async with serving(Settings(port=port)):
        copies = [
            await asyncio.create_subprocess_exec(
                *command("--script", HERE / "observer.gd", project=game),
                env=environment(home),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            for _ in range(2)
        ]
        try:
            drawn = await asyncio.gather(*(watched(copy) for copy in copies))
        finally:
            for copy in copies:
                copy.kill()
                await copy.wait()
        assert drawn[0].keys().isdisjoint(drawn[1])  # each sees the other and not itself


LIST_WARNINGS = """extends SceneTree

func _init() -> void:
	for setting in ProjectSettings.get_property_list():
		if setting.name.begins_with("debug/gdscript/warnings/") and setting.type == TYPE_INT:
			print(setting.name.trim_prefix("debug/"))
	quit()
"""


def test_a_game_in_which_all_warnings_are_errors_can_have_the_addon(tmp_path: Path, home: Path) -> None:
    game = tmp_path / "game"
    game.mkdir()
    (game / "project.godot").write_text(PROJECT)
    (tmp_path / "list.gd").write_text(LIST_WARNINGS)
    names = set(engine("--script", tmp_path / "list.gd", home=home, project=game).stdout.split())
    assert {"gdscript/warnings/return_value_discarded", "gdscript/warnings/unsafe_cast"} <= names
    names.remove("gdscript/warnings/inferred_declaration")  # it forbids `:=`, which the addon uses everywhere
    # Godot does not check the folder "addons" by default.
    rules = ['gdscript/warnings/directory_rules={\n"res://addons": 1\n}', *(f"{name}=2" for name in sorted(names))]
    (game / "project.godot").write_text(f"{PROJECT}\n[debug]\n\n" + "\n".join(rules) + "\n")
    assert CliRunner().invoke(main, ["install-godot", str(game)]).exit_code == 0
    added = "\n".join("\t" + line for line in lines(3))
    (game / "player.gd").write_text(f"extends Node3D\n\nfunc _ready() -> void:\n{added}\n")
    (game / "main.tscn").write_text(SCENE.format(d=3).replace("CharacterBody3D", "Node3D"))

    import_project(home, game)
    done = engine("--script", HERE / "load_everything.gd", "--", "--offline", home=home, project=game)
    assert [line for line in done.stdout.splitlines() if line.startswith("PROBLEM")] == []
    wanted = [path for path in game.rglob("*") if path.suffix in (".gd", ".tscn")]
    assert f"LOADED {len(wanted)}" in done.stdout.splitlines(), done.stdout + done.stderr


TOGGLER = """@tool
extends EditorPlugin

func _enter_tree() -> void:
	_run.call_deferred()

func _run() -> void:
	while EditorInterface.get_resource_filesystem().is_scanning():
		await get_tree().process_frame
	for enabled: bool in [true, false]:
		EditorInterface.set_plugin_enabled("lobby_presence", enabled)
		await get_tree().process_frame
		ProjectSettings.set_setting("lobby_presence/room", "hub" if enabled else null)
		ProjectSettings.save()
		DirAccess.copy_absolute("res://project.godot", "res://%s.txt" % enabled)
	get_tree().quit()
"""


def test_the_editor_enables_and_disables_the_plugin_and_nothing_is_left(tmp_path: Path, home: Path) -> None:
    game = tmp_path / "game"
    shutil.copytree(GAME / ADDON, game / ADDON)
    (game / "addons/toggler").mkdir()
    (game / "addons/toggler/plugin.gd").write_text(TOGGLER)
    (game / "addons/toggler/plugin.cfg").write_text(
        '[plugin]\nname="toggler"\ndescription=""\nauthor=""\nversion=""\nscript="plugin.gd"\n'
    )
    (game / "project.godot").write_text(
        'config_version=5\n\n[editor_plugins]\n\nenabled=PackedStringArray("res://addons/toggler/plugin.cfg")\n'
    )
    done = engine("--editor", home=home, project=game)
    assert "ERROR" not in done.stdout + done.stderr
    enabled, disabled = (game / "true.txt").read_text(), (game / "false.txt").read_text()
    for word in ("LobbyController", "lobby_presence/plugin.cfg", 'room="hub"'):
        assert word in enabled
    for word in ("LobbyController", "lobby_presence"):
        assert word not in disabled


async def watched(copy: asyncio.subprocess.Process) -> dict[str, set[str]]:
    """The positions at which a copy of the game drew each player, once one player was drawn at four positions."""
    drawn: dict[str, set[str]] = {}
    assert copy.stdout is not None
    async for line in copy.stdout:
        if line.startswith(b"{"):
            report = json.loads(line)
            assert "problem" not in report, report["problem"]
            drawn.setdefault(report["drawn"], set()).add(report["at"])
        if any(len(places) >= 4 for places in drawn.values()):
            return drawn
    raise AssertionError("the game has ended")
