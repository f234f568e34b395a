"""Settings that all tests share. ``HYPOTHESIS_PROFILE=thorough`` searches a hundred times longer and shrinks what it finds."""

import os

from hypothesis import Phase, settings

settings.register_profile("lobby", deadline=None, max_examples=60, derandomize=True, phases=[Phase.explicit, Phase.generate])
settings.register_profile("thorough", deadline=None, max_examples=6_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "lobby"))
