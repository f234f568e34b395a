"""The structure of the addon's scripts: layers, no import cycle, few global names. Needs no engine."""

from __future__ import annotations

from pathlib import Path

from tests.godot.engine import GAME
from tests.godot.layers import FOLDER, class_names, cycle, imports, layers

GLOBAL_NAMES = 10
INTERNAL = sorted((FOLDER / "internal").glob("*.gd"))


def test_the_addon_has_no_import_cycle() -> None:
    assert cycle(imports(FOLDER)) == []


def test_the_demo_game_has_no_import_cycle() -> None:
    assert cycle(imports(GAME / "scripts")) == []


def test_every_script_uses_its_own_layer_and_lower_ones_only() -> None:
    layer, graph = layers(), imports(FOLDER)
    assert layer.keys() == graph.keys()
    upward = [f"{name} uses {used}" for name in graph for used in graph[name] if layer[used] > layer[name]]
    assert upward == []


def test_internal_scripts_do_not_use_public_nodes() -> None:
    graph, nodes = imports(FOLDER), {name for name, number in layers().items() if number >= 5}
    assert nodes
    assert [f"{name} uses {used}" for name in graph if name.startswith("internal/") for used in graph[name] & nodes] == []


def test_the_addon_has_few_global_names_and_all_begin_with_lobby() -> None:
    names = class_names(FOLDER)
    assert 0 < len(names) <= GLOBAL_NAMES
    assert [name for name in names if not name.startswith("Lobby")] == []


def test_internal_scripts_have_no_global_name_and_are_marked() -> None:
    assert INTERNAL
    texts = {path.name: path.read_text() for path in INTERNAL}
    assert [name for name, text in texts.items() if "class_name" in text] == []
    assert [name for name, text in texts.items() if not text.splitlines()[1].startswith("## Internal")] == []


def test_a_cycle_is_found_by_class_name_by_path_and_through_a_scene(tmp_path: Path) -> None:
    (tmp_path / "a.gd").write_text('class_name A\nextends "b.gd"\n# C is not used here\n')
    (tmp_path / "b.gd").write_text('const D := preload("d.tscn")\n')
    (tmp_path / "c.gd").write_text('class_name C\nvar a: A\nvar text := "C D #"\n')
    (tmp_path / "d.tscn").write_text('[ext_resource type="Script" path="c.gd" id="1"]\n')
    graph = imports(tmp_path)
    assert graph == {"a.gd": {"b.gd"}, "b.gd": {"c.gd"}, "c.gd": {"a.gd"}}
    assert cycle(graph) == ["a.gd", "b.gd", "c.gd", "a.gd"]
    (tmp_path / "c.gd").write_text("class_name C\n")
    assert cycle(imports(tmp_path)) == []
