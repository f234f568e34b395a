"""The connection's state machine: every play-book, and what belongs to Python alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.client.playbook import Stage, books, read


def test_there_are_play_books() -> None:
    assert len(books()) > 20


@pytest.mark.parametrize("path", books(), ids=lambda path: path.stem)
def test_a_play_book_is_played_to_the_letter(path: Path) -> None:
    book = read(path)
    log = Stage(book).play()
    assert log == book["expect"], book["title"]
