"""``python -m lobby`` is ``lobby``."""

from lobby.cli import main

main()
