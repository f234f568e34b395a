"""Settings that all tests share. ``HYPOTHESIS_PROFILE=thorough`` searches a hundred times longer and shrinks what it finds."""

import inspect
import os

import pytest
from hypothesis import Phase, settings

from tests.hosts import run

settings.register_profile("lobby", deadline=None, max_examples=60, derandomize=True, phases=[Phase.explicit, Phase.generate])
settings.register_profile("thorough", deadline=None, max_examples=6_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "lobby"))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs an asynchronous test in an event loop of its own, for half a minute at most."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True
