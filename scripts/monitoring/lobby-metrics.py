#!/usr/bin/env python3
"""Who is in a lobby on AWS, its metrics, and the bill: python scripts/monitoring/lobby-metrics.py --stage dev

`--help` says the rest. It needs boto3 and credentials that may do what docs/permissions.md lists.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "backend"))

from lobby.monitor.command import command

if __name__ == "__main__":
    command()
