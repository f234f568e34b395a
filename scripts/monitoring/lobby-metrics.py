#!/usr/bin/env python3
"""The players, the metrics and the bill of a lobby on AWS: python scripts/monitoring/lobby-metrics.py --stage dev

`--help` lists the options. It needs boto3, and credentials with the permissions in docs/permissions.md.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "backend"))

from lobby.monitor.command import command

if __name__ == "__main__":
    command()
