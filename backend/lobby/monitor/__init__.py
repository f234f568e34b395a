"""A lobby on AWS, seen from outside: who is here, how it went, what it costs. ``scripts/monitoring/lobby-metrics.py`` shows it.

``reading`` asks AWS, ``screen`` shows what it said, ``command`` is the command line. Nothing here is the function's: it may be
switched off, and the lobby runs on.
"""
