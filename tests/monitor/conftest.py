"""An empty account in moto, and an empty folder to be in."""

from tests.deploy.conftest import account, folder

__all__ = ["account", "folder"]
