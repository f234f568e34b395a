"""Makes the pictures and the film of the demo game: python scripts/game_pictures.py [NAME ...]

The real game in a real lobby with bots, drawn in software on a virtual screen: `scripts/install-godot --with-screen` brings
all of it. Without a graphics card that takes long for each frame. So game, lobby and bots live in slow motion, all of them
alike, and what is filmed is as smooth as it would be with one. game/tools/photographer.gd is behind the camera. Everything is
written to docs/pictures; it takes some minutes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

sys.path.insert(0, str(Path(__file__).parent.parent))

from scripts.pictures import PICTURES, ROOT, lobby
from scripts.play import GAME, engine

PORT = 8974
BOTS, STROLLERS = 26, 4
"""So many fly in the lobby, and so many outside."""
PLAYER = {"LOBBY_PLAYER": "you"}
"""The pilot; with another id the ship would have another colour."""
SLOWER = 10
"""So many times longer everything takes."""
DRAWN, FILM = "1280x720", (560, 315)
LIST = (970, 8, 1280, 400)
"""Where the list of players is."""
PATIENCE_S = 600


@contextmanager
def space(url: str) -> Iterator[None]:
    """Bots outside of the station."""
    words = ["bots", "--players", str(STROLLERS), "--room", "lobby.space", "--seed", "1", "--url", url.replace("http", "ws")]
    flying = subprocess.Popen([sys.executable, "-m", "lobby", *words], env={**os.environ, "PYTHONPATH": str(ROOT / "backend")})
    try:
        yield
    finally:
        flying.terminate()
        flying.wait(10)


def slow_motion() -> dict[str, str]:
    """What lets the programs that are started from here live in slow motion."""
    folders = [Path("/opt/godot/usr/lib"), Path.home() / ".local/lib/godot/usr/lib", Path("/usr/lib")]
    found = [clock for folder in folders for clock in folder.glob("*/faketime/libfaketimeMT.so.1")]
    if not found:
        raise SystemExit("There is no libfaketime here. On Debian: scripts/install-godot --with-screen")
    return {"LD_PRELOAD": str(found[0]), "FAKETIME": f"+0 x{1 / SLOWER:.4f}"}


def take(url: str, folder: Path, name: str, zone: str) -> None:
    """Lets the photographer take a picture or a film; what is complained of ends it all."""
    said = ["--silent", "--name=Ann Lee", f"--lobby={url.replace('http', 'ws')}"]
    said += [f"--zone={zone}", f"--into={folder}", f"--take={name}"]
    command = [str(ROOT / "scripts/godot-xvfb"), "--path", str(GAME), "--resolution", DRAWN]
    done = subprocess.run(
        [*command, "--script", "res://tools/pictures.gd", "--", *said],
        env={**os.environ, **PLAYER, "XDG_DATA_HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    if "ERROR" in done.stderr:
        raise SystemExit(done.stderr)


def make_film(folder: Path) -> None:
    """The frames, each as long as it was to be seen, as one moving picture."""
    frames = sorted(folder.glob("film-*.png"))
    moments_ms = [int(frame.stem.removeprefix("film-")) for frame in frames]
    lengths_ms = [after - at for at, after in pairwise(moments_ms)]
    first, *others = (Image.open(frame).convert("RGB").resize(FILM, Image.Resampling.LANCZOS) for frame in frames)
    shown_ms = [*lengths_ms, lengths_ms[-1]]
    film = PICTURES / "game.webp"
    first.save(film, save_all=True, append_images=others, duration=shown_ms, loop=0, quality=46, method=6)
    print(f"  {len(frames)} frames, {sum(lengths_ms) / len(lengths_ms):.0f} ms each, {max(lengths_ms)} ms at the most")


def main() -> None:
    """Takes the pictures that are named, or all."""
    subprocess.run([str(engine()), "--headless", "--path", str(GAME), "--import"], check=True, capture_output=True)
    os.environ.update(slow_motion())
    wanted = sys.argv[1:] or ["hall", "above", "portal", "trading", "film"]
    with TemporaryDirectory() as home, lobby(PORT, BOTS, max_speed=0) as url, space(url):
        folder = Path(home)
        for name in wanted:
            print(f"{name} ...", flush=True)
            if name == "film":
                take(url, folder, "film", "main")
                make_film(folder)
                continue
            take(url, folder, name, "main" if name == "portal" else "lobby")
            shot = Image.open(folder / f"{name}.png").convert("RGB")
            shot.save(PICTURES / f"game-{name}.webp", quality=86, method=6)
            if name == "hall":
                shot.crop(LIST).save(PICTURES / "game-players.webp", quality=90, method=6)


if __name__ == "__main__":
    main()
