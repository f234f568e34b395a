"""How many files and sockets this process may open."""

from __future__ import annotations

DESCRIPTORS = 65_536
"""Programs with many sockets raise their limit to this number, or to what the system allows if that is less."""


def raise_descriptors() -> int:
    """Raises the number of files and sockets that this process may open. The usual limit is 1,024. Returns it; 0: unknown."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return 0
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (OSError, ValueError):
            pass  # macOS refuses numbers that it allows
    return wanted if soft == resource.RLIM_INFINITY else soft
