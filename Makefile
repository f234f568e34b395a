# One word sets up, one shows it moving, one passes every test. `make` alone lists them.
PYTHON ?= python3
BIN := .venv/bin
GDSCRIPT := game tests/godot bench/godot

.DEFAULT_GOAL := help
.PHONY: help setup demo game serve emulate test check bench addon godot pictures game-pictures lock clean

help:  ## What there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# What playing needs. Exactly the locked versions, checked by their hashes.
.venv/.runtime: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Lobby needs Python 3.11 or later; $$($(PYTHON) --version) is here. Try: make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
		{ rm -rf .venv; echo "Python cannot make virtual environments here. On Debian: sudo apt-get install python3-venv"; exit 1; }
	@echo "Setting up .venv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@site=$$($(BIN)/python -c 'import site; print(site.getsitepackages()[0])') && echo "$(CURDIR)/backend" > "$$site/lobby.pth"
	@printf '#!/bin/sh\nexec "%s/python" -m lobby "$$@"\n' "$(CURDIR)/$(BIN)" > $(BIN)/lobby && chmod +x $(BIN)/lobby
	@touch $@

# What testing needs on top.
.venv/.dev: .venv/.runtime requirements-dev.txt
	@echo "Setting up the tests ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

setup: .venv/.dev  ## Set up everything in .venv

demo: .venv/.runtime  ## A lobby, a dozen bots, and a page where you walk among them
	@$(BIN)/lobby demo

game: .venv/.runtime  ## The demo game: fly among bots in a station; needs the Godot engine and a screen
	@$(BIN)/python scripts/play.py

serve: .venv/.runtime  ## A lobby on this machine
	@$(BIN)/lobby serve

# A table for fifty who fly about, where npm can bring it; else it is moto's, for ten.
emulate: .venv/.dev  ## The lobby of AWS on this machine, as far away as AWS, and its bill
	@npm install --silent --no-save --no-package-lock \
		"@dynoxide/$$(node -p 'process.platform + "-" + process.arch')@1.2.1" >/dev/null 2>&1 || true
	@$(BIN)/lobby emulate --latency aws --bill

test: .venv/.dev  ## Every test there is
	@scripts/test-tools
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: .venv/.dev  ## Types, lint and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/gdlint $(GDSCRIPT)
	$(BIN)/gdformat --check --line-length 128 $(GDSCRIPT)

addon: .venv/.runtime  ## The Godot addon as a zip, for the Asset Library
	@mkdir -p dist && $(BIN)/lobby install-godot --zip dist/lobby_presence.zip

godot:  ## The Godot engine, for the tests of the Godot client, on Debian
	@scripts/install-godot

bench: .venv/.dev  ## Load on `lobby serve`, at 10 to 1,000 players
	$(BIN)/python bench/load.py --command '$(BIN)/lobby serve --port {port} --quiet --room-size 5000 --near-players 0'

pictures: .venv/.dev  ## The pictures in the README and the docs
	@scripts/test-tools
	$(BIN)/python scripts/pictures.py

game-pictures: .venv/.dev  ## The pictures and the film of the demo game, drawn in software
	@scripts/install-godot --with-screen
	$(BIN)/python scripts/game_pictures.py

lock: .venv/.dev  ## The newest versions of what we use, locked with their hashes
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-header pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-header --extra dev \
		-c requirements.txt pyproject.toml -o requirements-dev.txt

clean:  ## Remove what was set up
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis game/.godot dist
