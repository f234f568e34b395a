"""The command line as people use it: the real `lobby` in a process of its own, or click's runner where that is enough."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from click.testing import CliRunner, Result

from lobby.cli import load_settings, main
from lobby.errors import LobbyError
from lobby.messages import Handshake
from lobby.settings import ENV_FILE, Settings
from lobby.tokens import verify
from tests.hosts import free_port, joined, run, serving

LOBBY = [sys.executable, "-m", "lobby"]
SECRET = "a secret of thirty-two characters"
PATIENCE_S = 10.0
COMMANDS = ("admin", "bots", "check", "deploy", "destroy", "install-godot", "package", "serve", "token", "watch")


def environment(**changes: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LOBBY_", "NO_COLOR", "FORCE_COLOR"))}
    return clean | changes


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in, and no settings in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("LOBBY_"):
            monkeypatch.delenv(name)
    return tmp_path


def lobby(*words: str, **variables: str) -> Result:
    return CliRunner().invoke(main, words, env=variables)


def failed(result: Result) -> str:
    """The one sentence of a command that failed."""
    assert result.exit_code == 1, result.output
    assert result.output.startswith("lobby: ")
    assert result.output.count("\n") == 1
    assert "Traceback" not in result.output
    return result.output.removeprefix("lobby: ").strip()


def process(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*LOBBY, *words], env=environment(**variables), capture_output=True, text=True, timeout=PATIENCE_S)


@contextmanager
def running(*words: str, cwd: Path | str | None = None, **variables: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*LOBBY, *words], env=environment(**variables), cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()


def announced(child: subprocess.Popen[str]) -> str:
    """The address for players, as soon as the command prints it."""
    assert child.stderr is not None
    while line := child.stderr.readline():
        if found := re.search(r"(ws|http)s?://\S+", line):
            return found[0]
    raise AssertionError(f"it ended with {child.wait()}")


def ended(child: subprocess.Popen[str], by: signal.Signals) -> tuple[int, str, float]:
    """Status, what else it wrote to standard error and how long it took to end by a signal."""
    assert child.stderr is not None
    started_s = time.monotonic()
    child.send_signal(by)
    status = child.wait(PATIENCE_S)
    return status, child.stderr.read(), time.monotonic() - started_s


# ── help ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_help_names_every_command_and_how_to_begin() -> None:
    text = lobby("--help").output
    for word in (*COMMANDS, "lobby serve", "lobby bots --players 12"):
        assert word in text
    assert lobby("-h").output == text
    assert re.fullmatch(r"lobby, version \d+\.\d+\.\d+\S*\n", lobby("--version").output)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_has_examples(command: str) -> None:
    result = lobby(command, "--help")
    assert result.exit_code == 0
    assert re.search(rf"Examples:\n.*\blobby {command}\b", result.output, re.S)


def test_help_loads_neither_sockets_nor_tables() -> None:
    code = "import sys, lobby.cli; print(sorted({'asyncio', 'rich', 'picows', 'prometheus_client', 'jwt'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


@pytest.mark.parametrize(
    "words", [["fly"], ["serve", "--fly"], ["serve", "--port", "x"], ["bots", "--players", "0"], ["token"]]
)
def test_a_wrong_word_is_an_error_of_usage(words: list[str]) -> None:
    result = lobby(*words)
    assert result.exit_code == 2
    assert "Error: " in result.output
    assert words[-1] in result.output


# ── serve ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_serve_prints_its_address_is_healthy_and_closes_connections_with_4000_at_its_end(by: signal.Signals) -> None:
    with running("serve", "--port", "0") as child:
        url = announced(child)
        with urlopen(url.replace("ws:", "http:") + "healthz", timeout=PATIENCE_S) as answer:
            assert json.load(answer)["status"] == "ok"

        async def test() -> None:
            async with joined(url + "?pid=ann") as ann:
                await ann.receive("welcome")
                status, errors, took_s = await asyncio.to_thread(ended, child, by)
                assert await ann.closed_with() == 4000
                assert status == 0
                assert took_s < 3
                assert "Traceback" not in errors
                assert "No secret is set" in errors
                assert "\x1b" not in errors

        run(test())


def test_serve_prints_the_address_of_its_console() -> None:
    port = str(free_port())
    with running("serve", "--port", "0", "--admin-port", port, "--admin-key", "k9QmX2vL7wTz4RbN8cYp5HdF3sJg6AeU") as child:
        announced(child)
        with urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE_S) as answer:
            assert b"<title>Lobby console</title>" in answer.read()
        _, errors, _ = ended(child, signal.SIGTERM)
        assert f"console of its operators is at http://127.0.0.1:{port}/" in errors


def test_serve_needs_no_folder_that_can_be_written_to() -> None:
    with running("serve", "--port", "0", "--quiet", cwd="/proc" if Path("/proc").exists() else "/") as child:
        announced(child)
        status, errors, _ = ended(child, signal.SIGTERM)
        assert (status, "Traceback" in errors, '{"event"' in errors) == (0, False, False)


def test_serve_on_a_port_in_use_names_it_and_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = failed(lobby("serve", "--port", str(port), "--quiet"))
    assert said.startswith(f"Cannot listen on port {port} on 127.0.0.1: another program uses it.")
    assert f"--port {port + 1}" in said


def test_serve_for_other_machines_needs_a_secret_or_the_flag_open() -> None:
    said = failed(lobby("serve", "--host", "0.0.0.0", "--port", "0"))
    for word in ("LOBBY_SECRET", "lobby token --new-secret", "--open"):
        assert word in said
    assert "at least 32" in failed(lobby("serve", "--port", "0", LOBBY_SECRET="short"))
    with running("serve", "--host", "0.0.0.0", "--open", "--port", "0") as child:
        assert announced(child).startswith("ws://127.0.0.1:")
        assert "that reaches this machine" in ended(child, signal.SIGTERM)[1]


def without_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return True
    return False


ipv6 = pytest.mark.skipif(without_ipv6(), reason="this machine has no IPv6")


@ipv6
@pytest.mark.parametrize(
    ("words", "begins"),
    [
        (("serve", "--host", "::1"), "ws://[::1]:"),
        (("serve", "--host", "::", "--open"), "ws://[::1]:"),
        (("demo", "--host", "::1", "--bots", "1", "--no-browser"), "http://[::1]:"),
        (("demo", "--host", "::", "--open", "--bots", "1", "--no-browser"), "http://[::1]:"),
        (("emulate", "--host", "::1", "--table", "moto"), "ws://[::1]:"),
        (("emulate", "--host", "::", "--table", "moto"), "ws://[::1]:"),
    ],
)
def test_a_lobby_listens_on_ipv6_and_its_address_works_as_printed(words: tuple[str, ...], begins: str) -> None:
    with running(*words, "--port", "0") as child:
        url = announced(child)
        assert url.startswith(begins)
        url = url.replace("http:", "ws:")
        for address in (url, url.replace("[::1]", "127.0.0.1")) if "::" in words else (url,):
            assert "the check took" in process("check", address).stdout
        ended(child, signal.SIGTERM)


def test_a_demo_for_other_machines_needs_a_secret_or_the_flag_open() -> None:
    assert "--open" in failed(lobby("demo", "--host", "0.0.0.0", "--port", "0", "--no-browser"))


def test_a_demo_with_a_secret_prints_an_address_with_a_token() -> None:
    secret = "0123456789abcdefghijklmnopqrstuv"
    with running("demo", "--bots", "2", "--port", "0", "--no-browser", LOBBY_SECRET=secret) as child:
        url = announced(child)
        token = url.partition("?token=")[2]
        player = verify(Handshake("", "lobby", "", 1, token), secret, int(time.time() * 1000)).player
        assert player.startswith("visitor_")
        ended(child, signal.SIGTERM)


# ── the address of a lobby ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("command", ["bots", "watch", "check"])
def test_every_command_takes_the_address_of_a_lobby_as_argument_and_as_option(command: str) -> None:
    wrong = "ftp://lobby.example/"
    as_argument, as_option = lobby(command, wrong), lobby(command, "--url", wrong)
    for result in (as_argument, as_option):
        assert (result.exit_code, f"{wrong!r} is no address of a lobby" in result.output) == (1, True)
    both = lobby(command, wrong, "--url", "ws://other.example/")
    assert (both.exit_code, "Two addresses are given" in both.output) == (2, True)


def test_bots_that_find_no_place_name_the_setting_to_change() -> None:
    async def test() -> None:
        async with serving(room_size=2) as server:
            said = failed(await asyncio.to_thread(lobby, "bots", server.url, "--players", "3", "--seconds", "0"))
            assert "--room-size" in said

    run(test())


# ── settings ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_flag_wins_over_the_environment_and_that_over_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings({}).port == 8765
    (folder / ENV_FILE).write_text("\ufeffLOBBY_PORT=1111\n# a comment\nLOBBY_ROOM_SIZE='7'\nLOBBY_SECRET=a${HOME}b\nEMPTY=\n")
    assert load_settings({}).port == 1111
    monkeypatch.setenv("LOBBY_PORT", "2222")
    monkeypatch.setenv("LOBBY_ROOM_SIZE", "")
    assert load_settings({}).port == 2222
    assert load_settings({"port": 3333, "open": True}).port == 3333
    assert load_settings({"open": True}).open
    assert load_settings({"secret": ""}).secret == ""
    assert (load_settings({}).room_size, load_settings({}).secret) == (7, "a${HOME}b")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("LOBBY_ROOMSIZE", "LOBBY_ROOM_SIZE"),
        ("LOBBY_SECRT", "LOBBY_SECRET"),
        ("lobby_port", "LOBBY_PORT"),
        ("LOBBY-OPEN", "LOBBY_OPEN"),
    ],
)
def test_a_misspelt_setting_is_refused_in_the_environment_and_in_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    sentence = f"{name} is not the name of a setting. Did you mean {meant}?"
    assert sentence in failed(lobby("serve", "--port", "0", **{name: "7"}))
    (folder / ENV_FILE).write_text(f"{name}=7\n")
    for command in (("serve", "--port", "0"), ("demo", "--no-browser"), ("bots",), ("token", "ann"), ("check",)):
        assert sentence in failed(lobby(*command))


def test_variables_of_other_tools_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOBBY_URL_DEV", "LOBBY_TOKEN", "LOBBY_ROOM", "LOBBY_OF_THE_HOTEL", "PORT"):
        monkeypatch.setenv(name, "x")
    assert load_settings({}) == Settings()


@pytest.mark.parametrize("quote", ["'", '"'])
def test_quotes_around_a_value_are_not_part_of_it(folder: Path, monkeypatch: pytest.MonkeyPatch, quote: str) -> None:
    (folder / ENV_FILE).write_text(f"LOBBY_SECRET={quote}in the file{quote}\n")
    assert load_settings({}).secret == "in the file"
    monkeypatch.setenv("LOBBY_SECRET", f"{quote}in the environment{quote}")
    monkeypatch.setenv("LOBBY_PORT", f"{quote}7{quote}")
    assert (load_settings({}).secret, load_settings({}).port) == ("in the environment", 7)
    monkeypatch.setenv("LOBBY_SECRET", "it's one quote'")
    assert load_settings({}).secret == "it's one quote'"


@pytest.mark.parametrize(
    ("words", "variables", "named"),
    [
        ([], {"LOBBY_PORT": "many"}, "LOBBY_PORT is 'many'; it must be a whole number"),
        ([], {"LOBBY_OPEN": "perhaps"}, "LOBBY_OPEN is 'perhaps'; it must be yes or no"),
        (["--window-ms", "-1"], {}, "--window-ms (LOBBY_WINDOW_MS) is -1; it must be between 0 and 5,000 ms"),
        (["--max-speed", "nan"], {}, "--max-speed (LOBBY_MAX_SPEED) is nan"),
        (["--tls-cert", "x.pem"], {}, "--tls-cert and --tls-key belong together"),
        (["--tls-cert", "x[/]:smile:.pem", "--tls-key", "y"], {}, "Cannot use x[/]:smile:.pem and y"),
    ],
)
def test_a_wrong_setting_is_named(words: list[str], variables: dict[str, str], named: str) -> None:
    assert named in failed(lobby("serve", *words, **variables))


def test_a_file_of_settings_that_cannot_be_read_is_named(folder: Path) -> None:
    file = folder / ENV_FILE
    file.write_bytes(b"LOBBY_SECRET=\xff\xfe")
    assert failed(lobby("serve")).startswith(f"{ENV_FILE} is not UTF-8 text.")
    file.unlink()
    file.mkdir()
    assert failed(lobby("token", "ann")).startswith(f"Cannot read {ENV_FILE}: Is a directory.")


# ── bots ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_bots_move_for_some_seconds_with_tokens_if_there_is_a_secret() -> None:
    async with serving(secret=SECRET) as lobby:
        words = ("bots", "--url", lobby.url, "--players", "3", "--seconds", "0.3")
        done = await asyncio.to_thread(lambda: process(*words, LOBBY_SECRET=SECRET))
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "3 bots connected\n")
        assert lobby.server.counts["joins", ""] == 3
        assert lobby.server.counts["messages", "pos"] >= 3
        done = await asyncio.to_thread(lambda: process(*words))
        assert done.returncode == 1
        assert done.stderr.startswith("lobby: The lobby refused the connection: this lobby needs a token")
        assert done.stderr.count("\n") == 1


def test_bots_without_a_lobby_print_one_sentence() -> None:
    assert "nothing listens there" in failed(lobby("bots", "--url", "ws://127.0.0.1:9/"))
    assert "is no address of a lobby" in failed(lobby("bots", "--url", "ws://[/b]:x"))


async def test_ctrl_c_ends_bots_without_output() -> None:
    async with serving() as lobby:
        with running("bots", "--url", lobby.url, "--players", "2") as child:
            assert child.stderr is not None
            assert await asyncio.to_thread(child.stderr.readline) == "2 bots connected\n"
            status, errors, took_s = await asyncio.to_thread(ended, child, signal.SIGINT)
            assert (status, errors) == (0, "")
            assert took_s < 3
        assert not lobby.server.connections


# ── token ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_token_admits_to_its_room_until_it_expires() -> None:
    before_ms = time.time_ns() // 1_000_000
    result = lobby("token", "ann", "--hours", "2", "--room", "hub", LOBBY_SECRET=SECRET)
    assert result.exit_code == 0
    token = result.stdout.removesuffix("\n")
    shown = Handshake(room="hub", token=token)
    assert verify(shown, SECRET, before_ms).player == "ann"
    assert verify(shown, SECRET, before_ms + 7_190_000).player == "ann"
    for handshake, now in ((shown, before_ms + 7_300_000), (shown._replace(room="other"), before_ms)):
        with pytest.raises(Exception, match=r"token_expired|forbidden"):
            verify(handshake, SECRET, now)


def test_a_new_secret_is_long_enough_and_new() -> None:
    first, second = (lobby("token", "--new-secret").stdout.strip() for _ in range(2))
    assert first != second
    assert lobby("token", "ann", LOBBY_SECRET=first).exit_code == 0


@pytest.mark.parametrize(
    ("words", "secret", "said"),
    [
        (["a b"], SECRET, "'a b' is not a player id"),
        (["ann"], "", "LOBBY_SECRET is not set"),
        (["ann"], "short", "at least 32"),
    ],
)
def test_a_token_that_cannot_be_signed_is_an_error_with_the_reason(words: list[str], secret: str, said: str) -> None:
    assert said in failed(lobby("token", *words, LOBBY_SECRET=secret))


@pytest.mark.parametrize("hours", ["0", "-1", "nan", "inf", "1e300"])
def test_a_token_without_a_finite_lifetime_is_an_error_of_usage(hours: str) -> None:
    assert lobby("token", "ann", "--hours", hours, LOBBY_SECRET=SECRET).exit_code == 2


# ── colour ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def on_a_terminal(*words: str, **variables: str) -> str:
    """What a command writes to a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([*LOBBY, *words], env=environment(**variables), stdin=theirs, stdout=theirs, stderr=theirs) as child:
        os.close(theirs)
        child.wait(PATIENCE_S)
        written = os.read(ours, 65_536).decode()
        os.close(ours)
    return written


def test_colour_is_for_terminals_without_no_color() -> None:
    words = ("bots", "--url", "ws://127.0.0.1:9/", "--players", "1")
    assert "\x1b[31m" in on_a_terminal("token", "ann", LOBBY_SECRET="short")
    assert "\x1b" not in on_a_terminal("token", "ann", LOBBY_SECRET="short", NO_COLOR="1")
    assert "\x1b[2m" in on_a_terminal("token", "ann", LOBBY_SECRET=SECRET)
    assert not re.search("\x1b\\[[0-9;]*3[0-9]", on_a_terminal(*words, NO_COLOR="1", TERM="xterm"))
    assert "\x1b" not in process(*words).stderr


def test_only_our_own_errors_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*words: object, **options: object) -> None:
        raise ExceptionGroup("", [LobbyError("ours"), ExceptionGroup("", [ZeroDivisionError()])])

    monkeypatch.setattr("lobby.client.bots.run_bots", fails)
    assert isinstance(lobby("bots").exception, ExceptionGroup)


@pytest.mark.parametrize(
    ("program", "missing"),
    [
        ("from lobby.cli import main; main(['emulate'])", "aiohttp"),
        ("from lobby.monitor.command import command; command(['--stage', 'dev', '--emulator', 'http://127.0.0.1:1'])", "boto3"),
    ],
)
def test_without_the_packages_of_the_emulator_the_command_to_install_them_is_named(program: str, missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; {program}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.fullmatch(
        rf"lobby: \S+( emulate`)? needs the package {missing}\. "
        r"In a clone of the repository `make setup` installs it; elsewhere: .+\n",
        done.stderr,
    )
