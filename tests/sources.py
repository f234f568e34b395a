"""Python sources as syntax trees, for tests that read the code."""

from __future__ import annotations

import ast
import gc


def parsed(source: str | bytes) -> ast.Module:
    """The syntax tree of ``source``.

    The garbage collector is off meanwhile: if it runs code while a tree is built (hypothesis has such a callback), CPython
    before 3.11.8 raises SystemError, "AST constructor recursion depth mismatch"
    (https://github.com/python/cpython/issues/106905).
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(source)
    finally:
        if was_enabled:
            gc.enable()
