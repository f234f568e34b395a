"""The page about your own server is right: its flags, files, units, proxies, tokens and errors.

Nothing here needs nginx, Caddy or systemd. The token for Node needs node.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from lobby.cli import main
from lobby.errors import CODES
from lobby.settings import Settings, flag, options, variable
from lobby.telemetry import COUNTED
from tests.hosts import joined, serving

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/own-server.md").read_text()
FILES = {path.name: path.read_text() for path in sorted((ROOT / "docs/own-server").iterdir())}
ALL = "\n".join([PAGE, *FILES.values()])
SECRET = "a secret of thirty-two characters"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)


def parsed(command: str) -> tuple[str, dict[str, Any]]:
    """``serve --port 1`` as the command line understands it. Raises click.UsageError."""
    name, *arguments = shlex.split(command)
    found = main.commands[name]
    return name, found.make_context(name, arguments).params


def settings_of(file: str) -> Settings:
    """The settings with which the last ``ExecStart`` of a unit starts the lobby."""
    started = re.findall(r"^ExecStart=/opt/lobby/bin/lobby (.+)$", FILES[file], re.M)
    name, params = parsed(started[-1])
    assert name == "serve"
    return Settings(**{key: value for key, value in params.items() if value is not None and key != "quiet"})


def test_the_page_has_all_its_files_and_names_no_others() -> None:
    assert set(FILES) == {"Caddyfile", "lobby.service", "nginx.conf", "tls.conf"}
    for name in FILES:
        assert f"(own-server/{name})" in PAGE, f"the page has no link to {name}"
        assert f"docs/own-server/{name} " in "".join(blocks("sh")), f"no command installs {name}"
    for path in re.findall(r"docs/[\w./-]+", PAGE):
        assert (ROOT / path).exists(), f"a command of the page uses {path}"


def test_every_flag_and_variable_exists() -> None:
    known = {option for command in main.commands.values() for parameter in command.params for option in parameter.opts}
    assert {flag(item.name) for item in options()} <= known
    named = set(re.findall(r"`(--[a-z-]+)`", PAGE)) | set(re.findall(r"\((--[a-z-]+)\)", FILES["nginx.conf"]))
    assert "--behind-proxy" in named
    assert named <= known
    assert set(re.findall(r"LOBBY_[A-Z_]+", ALL)) <= {variable(item.name) for item in options()}


def test_settings_files_of_the_page_are_understood() -> None:
    for block in blocks("ini"):
        environment = dict(line.split("=", 1) for line in block.splitlines())
        assert Settings.from_environment(environment) != Settings()


def test_every_lobby_command_of_the_page_is_understood() -> None:
    documented = re.findall(r"lobby ((?:serve|check|token|watch|bots)(?: [^\s'\")`;|>]+)*)", "".join(blocks("sh")))
    assert len(documented) >= 4
    for command in documented:
        try:
            parsed(command)
        except click.UsageError as error:
            pytest.fail(f"lobby {command}: {error.format_message()}")


def test_the_units_listen_where_the_proxies_connect() -> None:
    behind, alone = settings_of("lobby.service"), settings_of("tls.conf")
    assert behind.behind_proxy
    assert behind.host == "127.0.0.1"
    for proxy in ("Caddyfile", "nginx.conf"):
        assert f"{behind.host}:{behind.port}" in FILES[proxy]
    assert f"http://{behind.host}:{behind.port}/healthz" in PAGE
    assert alone.tls_cert
    assert alone.tls_key
    assert not alone.behind_proxy, "without a proxy each client can claim any address"


def test_the_unit_reads_the_file_that_the_page_writes() -> None:
    (file,) = re.findall(r"^EnvironmentFile=(.+)$", FILES["lobby.service"], re.M)
    assert f"> {file}" in "".join(blocks("sh"))


def test_the_proxies_keep_metrics_private_and_tokens_out_of_logs() -> None:
    assert re.search(r"@private path /metrics\n\s*respond @private 404", FILES["Caddyfile"])
    assert re.search(r"location = /metrics \{\s*return 404;", FILES["nginx.conf"])
    assert re.search(r"request>uri query \{\s*replace token", FILES["Caddyfile"])
    (line,) = re.findall(r"log_format lobby (.+);", FILES["nginx.conf"])
    assert set(re.findall(r"\$\w+", line)).isdisjoint({"$request", "$request_uri", "$args", "$query_string"})


def test_nginx_waits_longer_than_a_heartbeat_and_counts_as_the_lobby_does() -> None:
    (wait_s,) = re.findall(r"proxy_read_timeout (\d+)s;", FILES["nginx.conf"])
    assert int(wait_s) * 1000 > 2 * Settings().heartbeat_ms
    (limit,) = re.findall(r"limit_conn +lobby_addresses (\d+);", FILES["nginx.conf"])
    assert int(limit) == Settings().connections_per_address
    assert f"more than {limit} connections" in PAGE


def test_the_metrics_of_the_alarms_exist() -> None:
    asked = re.findall(r"lobby_(\w+)_total(?:\{(\w+)=\"(\w+)\"\})?", PAGE)
    assert asked
    for name, label, value in asked:
        assert COUNTED[name][0] == label
        assert label != "code" or value in CODES


def test_close_codes_are_those_of_the_table() -> None:
    named = re.findall(r"(\d{4}) ?(?:\(|, )`(\w+)`", PAGE)
    assert len(named) >= 4
    for code, name in named:
        assert CODES[name].close == int(code)
    assert CODES["restarting"].close == 4000
    assert CODES["too_many_connections"].close == 4005


def test_the_errors_that_the_page_explains_are_in_the_code() -> None:
    source = "".join(path.read_text() for path in (ROOT / "backend/lobby").rglob("*.py"))
    rows = PAGE.partition("| you see |")[2].splitlines()[2:]
    quoted = [text for row in rows for text in re.findall(r"^\| `([A-Z][^`]+|without [^`]+)`", row)]
    assert len(quoted) >= 4
    for text in quoted:
        for piece in re.split(r" ?\.\.\.:? ?", text):
            assert piece in source, f"the code has no message {text!r}"


def python_token(arguments: str) -> str:
    (program,) = blocks("python")
    return printed_by([sys.executable, "-c", f"{program}\nprint(lobby_token({arguments}))"])


def node_token(arguments: str) -> str:
    node = shutil.which("node")
    if node is None:
        pytest.fail("This test runs the page's token for Node: install node (Debian: apt install nodejs).")
    (program,) = blocks("js")
    return printed_by([node, "--input-type=module", "--eval", f"{program}\nconsole.log(lobbyToken({arguments}))"])


def printed_by(command: list[str]) -> str:
    ran = subprocess.run(
        command, env={**os.environ, variable("secret"): SECRET}, capture_output=True, text=True, timeout=20, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


@pytest.mark.parametrize("token", [python_token, node_token])
async def test_tokens_made_as_the_page_describes_are_accepted(token: Any) -> None:
    anywhere, hub_only = token('"ann"'), token('"bea", "hub"')

    async with serving(secret=SECRET) as lobby:
        async with joined(lobby.at(token=anywhere, v=2)) as ann, joined(lobby.at(token=hub_only, room="hub")) as bea:
            assert (await ann.receive("welcome"))["your_id"] == "ann"
            assert (await bea.receive("welcome"))["your_id"] == "bea"
        async with joined(lobby.at(token=hub_only)) as bea:
            assert await bea.closed_with() == CODES["forbidden"].close


@pytest.mark.parametrize(("method", "status"), [("GET", b"200"), ("HEAD", b"200"), ("POST", b"405")])
async def test_a_monitor_may_ask_with_get_and_head(method: str, status: bytes) -> None:
    async with serving() as lobby:
        reader, writer = await asyncio.open_connection("127.0.0.1", lobby.port)
        writer.write(f"{method} /healthz HTTP/1.1\r\nHost: lobby.example\r\n\r\n".encode())
        assert (await asyncio.wait_for(reader.readline(), 5)).split()[1] == status
        writer.close()
