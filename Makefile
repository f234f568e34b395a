# `make` lists all targets. `make setup` installs everything, `make demo` shows a lobby, `make test` runs all tests.
PYTHON ?= python3
BIN := .venv/bin
GDSCRIPT := game tests/godot bench/godot

.DEFAULT_GOAL := help
.PHONY: help setup demo game serve emulate test check bench addon godot pictures game-pictures lock clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# What a lobby needs to run: exactly the locked versions, checked by their hashes.
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

# What the tests need in addition.
.venv/.dev: .venv/.runtime requirements-dev.txt
	@echo "Setting up the tests ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

setup: .venv/.dev  ## Install everything in .venv

demo: .venv/.runtime  ## Start a lobby with a dozen bots, and a page where you move among them
	@$(BIN)/lobby demo

game: .venv/.runtime  ## Start the demo game: fly among bots in a station; needs the Godot engine and a screen
	@$(BIN)/python scripts/play.py

serve: .venv/.runtime  ## Start a lobby on this machine
	@$(BIN)/lobby serve

# With npm it installs dynoxide, a table that is fast enough for 50 moving players. Without npm it uses moto, for about ten.
emulate: .venv/.dev  ## Start the AWS lobby on this machine, with the latency of AWS, and show its bill
	@npm install --silent --no-save --no-package-lock \
		"@dynoxide/$$(node -p 'process.platform + "-" + process.arch')@1.2.1" >/dev/null 2>&1 || true
	@$(BIN)/lobby emulate --latency aws --bill

test: .venv/.dev  ## Run all tests
	@scripts/test-tools
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: .venv/.dev  ## Check types, lint and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/gdlint $(GDSCRIPT)
	$(BIN)/gdformat --check --line-length 128 $(GDSCRIPT)

addon: .venv/.runtime  ## Build the Godot addon as a zip, for the Asset Library
	@mkdir -p dist && $(BIN)/lobby install-godot --zip dist/lobby_presence.zip

godot:  ## Install the Godot engine on Debian, for the tests of the Godot client
	@scripts/install-godot

# BASELINE is the commit to compare with; without it only this tree is measured. COLYSEUS= leaves Colyseus out, which needs npm.
BASELINE ?= 19b892f
COLYSEUS ?= 1
bench: .venv/.dev  ## Measure `lobby serve` in rooms of several kinds, beside an older commit and Colyseus: half an hour
	$(BIN)/python -m bench.compare $(if $(BASELINE),--baseline $(BASELINE)) $(if $(COLYSEUS),--colyseus) --json bench/results/load.json

pictures: .venv/.dev  ## Draw the pictures of the README and the docs
	@scripts/test-tools
	$(BIN)/python scripts/pictures.py

game-pictures: .venv/.dev  ## Draw the pictures and the film of the demo game, without a graphics card
	@scripts/install-godot --with-screen
	$(BIN)/python scripts/game_pictures.py

lock: .venv/.dev  ## Lock the newest versions of all dependencies, with their hashes
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-header pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-header --extra dev \
		-c requirements.txt pyproject.toml -o requirements-dev.txt

clean:  ## Remove everything that these targets installed in this folder
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis game/.godot dist
