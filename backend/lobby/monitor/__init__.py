"""Monitoring of a lobby on AWS: its players, its metrics, its bill. ``scripts/monitoring/lobby-metrics.py`` is the command.

``reading`` asks AWS, ``screen`` shows the answers, ``command`` is the command line. The function does not use this package.
"""
