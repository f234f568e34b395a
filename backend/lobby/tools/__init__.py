"""The commands around a lobby: check, watch, demo, emulate, install-godot. One module for each command."""
