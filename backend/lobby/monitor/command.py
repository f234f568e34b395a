"""The command line of ``scripts/monitoring/lobby-metrics.py``."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass

import click
from rich.console import Console
from rich.live import Live

from lobby.billing import METRICS, PRICES
from lobby.cloudformation.lobby_template import STAGES
from lobby.deploy.aws import Aws, AwsRequestError
from lobby.errors import LobbyError
from lobby.monitor.reading import LATE_S, Lobby, find_lobby, publish, read_presences, read_report
from lobby.monitor.screen import as_json, render
from lobby.terminal import accept_any_text, fail, missing_package, new_console, print_line

EVERY_S = 60
"""Default pause of ``--watch``. CloudWatch has new values once a minute."""


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--stage", required=True, type=click.Choice(STAGES), help="Stage of the lobby.")
@click.option("--region", default=None, metavar="REGION", help="AWS Region. Default: the Region of your profile.")
@click.option("--profile", default=None, metavar="NAME", help="AWS profile. Default: AWS_PROFILE.")
@click.option(
    "--room", default="", metavar="ROOM", help="Only players of this room (a Query). Default: players of all rooms (a Scan)."
)
@click.option(
    "--minutes", default=60, show_default=True, type=click.IntRange(1, 1440), help="Period of metrics and bill, until now."
)
@click.option("--json", "json_", is_flag=True, help="Print JSON: one object, or with --watch one object a line.")
@click.option(
    "--watch",
    "every_s",
    is_flag=False,
    flag_value=EVERY_S,
    default=None,
    type=click.IntRange(1, 3600),
    metavar="[SECONDS]",
    help=f"Repeat until Ctrl-C, with a pause of SECONDS. Default: {EVERY_S} seconds.",
)
@click.option("--publish", "publishes", is_flag=True, help="Instead: write the numbers of players and rooms to CloudWatch.")
@click.option(
    "--emulator", default=None, metavar="URL", help="Use a running `lobby emulate` instead of AWS; it prints this address."
)
def command(
    stage: str,
    region: str | None,
    profile: str | None,
    room: str,
    minutes: int,
    json_: bool,
    every_s: int | None,
    publishes: bool,
    emulator: str | None,
) -> None:
    """Show a lobby on AWS: its players, the metrics of the last minutes, and the bill at the same rate.

    \b
    Examples:
      lobby-metrics.py --stage prod
      lobby-metrics.py --stage prod --room lobby --watch
      lobby-metrics.py --stage dev --minutes 5 --json
      lobby-metrics.py --stage prod --publish --watch     two metrics for your own alarms and dashboards
      lobby-metrics.py --stage dev --emulator http://127.0.0.1:40007
    """
    if publishes and room:
        raise click.UsageError("--publish counts all rooms; omit --room.")
    accept_any_text()
    try:
        aws = emulated(emulator) if emulator else Aws.connect(region, profile)
        options = _Options(room, minutes, json_, every_s, publishes, late_s=0 if emulator else LATE_S)
        _run(aws, find_lobby(aws, stage), options, new_console())
    except LobbyError as error:
        fail(str(error))


@dataclass(frozen=True)
class _Options:
    room: str
    minutes: int
    json: bool
    every_s: int | None
    publishes: bool
    late_s: float


def _run(aws: Aws, lobby: Lobby, options: _Options, console: Console) -> None:
    """Shows or publishes once, or until Ctrl-C."""
    redraws = options.every_s and console.is_terminal and not options.json
    with Live(console=console, auto_refresh=False) if redraws else nullcontext(console) as screen, suppress(KeyboardInterrupt):
        if options.every_s:
            _repeat(lambda: _once(aws, lobby, options, screen), options.every_s)
        elif not _once(aws, lobby, options, screen):
            raise LobbyError(
                f"CloudWatch has no metrics of the last {options.minutes} minutes: no player was connected, or the first came "
                "just now. --minutes sets a longer period."
            )


def _once(aws: Aws, lobby: Lobby, options: _Options, screen: Console | Live) -> bool:
    """Shows or publishes once. Returns whether there were metrics."""
    if options.publishes:
        _print_published(publish(aws, lobby, read_presences(aws, lobby.table)), lobby.stage)
        return True
    report = read_report(aws, lobby, room=options.room, minutes=options.minutes, late_s=options.late_s)
    if options.json:
        print(json.dumps(as_json(report), indent=None if options.every_s else 1), flush=True)
    elif isinstance(screen, Live):
        screen.update(render(report), refresh=True)
    else:
        screen.print(render(report))
    return report.has_metrics


def _repeat(once: Callable[[], object], every_s: float) -> None:
    """Calls ``once`` until Ctrl-C. An error of AWS ends only the first call; later it is printed, and the next call may
    succeed."""
    once()
    while True:
        time.sleep(every_s)
        try:
            once()
        except AwsRequestError as error:
            print_line(str(error))


def _print_published(written: dict[str, int], stage: str) -> None:
    price = PRICES[METRICS]
    shown = ", ".join(f"{name} {value}" for name, value in written.items())
    print_line(
        f"Published for {stage}: {shown}. Each of these {len(written)} metrics costs ${price.tiers[0][1]:.2f} a month, for the "
        f"hours in which it is published. An account has {price.free:.0f} custom metrics for free, including those of the "
        "function."
    )


def emulated(url: str) -> Aws:
    """The services of a `lobby emulate` at this address, which have fixed public credentials. Raises :class:`LobbyError`."""
    try:
        import boto3
        import botocore.session
        from botocore.config import Config

        from lobby.cloudformation.resolving import REGION
        from lobby.emulator.emulated_stack import ACCESS_KEY, SECRET_KEY
    except ModuleNotFoundError as error:
        raise missing_package("--emulator", error) from None
    # Without the profile and the files of this machine: the emulator has its own credentials.
    ignored = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    core = botocore.session.Session(session_vars=ignored)
    # The emulator is on this machine: without a proxy, and without retries.
    core.set_default_client_config(Config(proxies={}, retries={"total_max_attempts": 1}, connect_timeout=5))
    session = boto3.Session(ACCESS_KEY, SECRET_KEY, region_name=REGION, botocore_session=core)
    return Aws(session, REGION, url)
