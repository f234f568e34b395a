"""Settings that all tests share. ``HYPOTHESIS_PROFILE=thorough`` searches a hundred times longer and shrinks what it finds.

``pytest tests/hostile --hostile-long`` attacks ten times longer, and searches for more input that does harm.
``pytest tests/emulator/test_mutations.py --every-mutation`` tries every change of every template, for about two minutes.
"""

import inspect
import os
import signal

import pytest
from hypothesis import Phase, settings

from tests.hosts import AT_MOST_S, run

settings.register_profile("lobby", deadline=None, max_examples=60, derandomize=True, phases=[Phase.explicit, Phase.generate])
settings.register_profile("thorough", deadline=None, max_examples=6_000)
settings.register_profile("hostile", deadline=None, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "lobby"))

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background: programs of tests would ignore Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)

LONGER = 10
"""How many times longer the attacks are with ``--hostile-long``."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds ``--hostile-long`` and ``--every-mutation``."""
    parser.addoption(
        "--every-mutation", action="store_true", help="try every change of a template in tests/emulator/test_mutations.py"
    )
    parser.addoption("--hostile-long", action="store_true", help=f"attack {LONGER} times longer in tests/hostile")


def pytest_configure(config: pytest.Config) -> None:
    """Properties are searched for longer, too."""
    if config.getoption("--hostile-long"):
        settings.load_profile("hostile")


@pytest.fixture
def longer(request: pytest.FixtureRequest) -> int:
    """By how much an attack is longer than usual."""
    return LONGER if request.config.getoption("--hostile-long") else 1


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs an asynchronous test in an event loop of its own, for half a minute at most, or ten times as long."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    at_most_s = AT_MOST_S * (LONGER if pyfuncitem.config.getoption("--hostile-long") else 1)
    run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}), at_most_s)
    return True
