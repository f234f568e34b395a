"""The command line of ``scripts/monitoring/lobby-metrics.py``."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress

import click
from rich.console import Console
from rich.live import Live

from lobby.billing import METRICS, PRICES
from lobby.cli import fail, lacking, tell
from lobby.cloudformation.reading import STAGES
from lobby.deploy.aws import Aws, AwsError
from lobby.errors import LobbyError
from lobby.monitor.reading import LATE_S, look, publish, who
from lobby.monitor.reading import lobby as lobby_of
from lobby.monitor.screen import drawn, plain

EVERY_S = 60
"""CloudWatch has something new once a minute."""


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--stage", required=True, type=click.Choice(STAGES), help="Which of the account's lobbies.")
@click.option("--region", default=None, metavar="REGION", help="Region of AWS; that of your profile without.")
@click.option("--profile", default=None, metavar="NAME", help="Profile of AWS; that of AWS_PROFILE without.")
@click.option("--room", default="", metavar="ROOM", help="Who is in this room, by a Query. Without: all rooms, by a Scan.")
@click.option(
    "--minutes", default=60, show_default=True, type=click.IntRange(1, 1440), help="How far back metrics and bill look."
)
@click.option("--json", "as_json", is_flag=True, help="For machines: one object, with --watch one a line.")
@click.option(
    "--watch",
    "every_s",
    is_flag=False,
    flag_value=EVERY_S,
    default=None,
    type=click.IntRange(1, 3600),
    metavar="[SECONDS]",
    help=f"Again and again until Ctrl-C, every {EVERY_S} seconds or so many.",
)
@click.option("--publish", "publishes", is_flag=True, help="Instead: write players and rooms over all rooms into CloudWatch.")
@click.option("--emulator", default=None, metavar="URL", help="A `lobby emulate` instead of AWS; it says its address.")
def command(
    stage: str,
    region: str | None,
    profile: str | None,
    room: str,
    minutes: int,
    as_json: bool,
    every_s: int | None,
    publishes: bool,
    emulator: str | None,
) -> None:
    """A lobby on AWS, seen from outside: who is here, the metrics of the last minutes, and the bill if it went on like that.

    \b
    Examples:
      lobby-metrics.py --stage prod
      lobby-metrics.py --stage prod --room lobby --watch
      lobby-metrics.py --stage dev --minutes 5 --json
      lobby-metrics.py --stage prod --publish --watch     two metrics for alarms and dashboards of your own
      lobby-metrics.py --stage dev --emulator http://127.0.0.1:40007
    """
    if publishes and room:
        raise click.UsageError("--publish is about all rooms; leave --room out.")
    try:
        aws = emulated(emulator) if emulator else Aws.connect(region, profile)
        it = lobby_of(aws, stage)
        screen = Console(highlight=False)
        stays = every_s and screen.is_terminal and not as_json
        with Live(console=screen, auto_refresh=False) if stays else nullcontext(screen) as where:

            def once() -> bool:
                if publishes:
                    return _publish(publish(aws, it, who(aws, it.table)), stage)
                report = look(aws, it, room=room, minutes=minutes, late_s=0 if emulator else LATE_S)
                if as_json:
                    print(json.dumps(plain(report), indent=None if every_s else 1), flush=True)
                elif isinstance(where, Live):
                    where.update(drawn(report), refresh=True)
                else:
                    where.print(drawn(report))
                return report.has_metrics

            with suppress(KeyboardInterrupt):
                if every_s:
                    _again(once, every_s)
                elif not once():
                    raise LobbyError(
                        f"CloudWatch has no metrics of the last {minutes} minutes: nobody has played, or somebody began just "
                        "now. --minutes looks farther back."
                    )
    except LobbyError as error:
        fail(str(error))


def _again(once: Callable[[], object], every_s: float) -> None:
    """Looks until Ctrl-C. What goes wrong after the first time may go well the next."""
    once()
    while True:
        time.sleep(every_s)
        try:
            once()
        except AwsError as error:
            tell(str(error))


def _publish(written: dict[str, int], stage: str) -> bool:
    price = PRICES[METRICS]
    shown = ", ".join(f"{name} {value}" for name, value in written.items())
    tell(
        f"Published for {stage}: {shown}. Each of these {len(written)} metrics is ${price.tiers[0][1]:.2f} a month, for the "
        f"hours in which it is published; {price.free:.0f} custom metrics of an account are free, the function's own included."
    )
    return True


def emulated(url: str) -> Aws:
    """What `lobby emulate` says it is: the same services at one address, with keys that everybody knows."""
    try:
        import boto3
        import botocore.session
        from botocore.config import Config

        from lobby.cloudformation.resolving import REGION
        from lobby.emulator.desk import KEYS
    except ModuleNotFoundError as error:
        raise lacking("--emulator", error) from None
    [(key, secret)] = KEYS.items()
    core = botocore.session.get_session()
    # It is on this machine: no proxy is on the way, and who does not answer at once is not there.
    core.set_default_client_config(Config(proxies={}, retries={"total_max_attempts": 1}, connect_timeout=5))
    session = boto3.Session(key, secret, region_name=REGION, botocore_session=core)
    return Aws(session, REGION, url)
