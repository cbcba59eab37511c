"""Compiles functions with Numba, cached on disk, so that only the first run on a machine compiles.

The files are in the user's cache directory. Numba unpickles them, as Python loads its bytecode:
they were made by this user on this machine, and never come from elsewhere.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from typing import Any

import numba
import platformdirs

FAST = {"reassoc", "contract", "nsz", "arcp"}
"""Relaxed rounding, which lets loops use vector instructions; NaN and infinity are preserved,
because they show that a run diverges."""


def inlined(function: Callable[..., Any]) -> Any:
    """`function`, compiled into the functions that call it."""
    options = {"nogil": True, "boundscheck": False, "error_model": "numpy", "fastmath": FAST}
    return numba.njit(**options)(function)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, compiled or read from disk when first called; it runs without the GIL."""
    run = _cached(function)

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        nonlocal run
        try:
            return run(*arguments)
        except Exception:  # raised by a full disk or a damaged file, before the function has run
            if not run.stats.cache_path:
                raise
            shutil.rmtree(run.stats.cache_path, ignore_errors=True)
            run = inlined(function)
        return run(*arguments)

    return call


def _cached(function: Callable[..., Any]) -> Any:
    config: Any = vars(numba)["config"]
    before = config.CACHE_DIR
    try:
        config.CACHE_DIR = before or platformdirs.user_cache_dir("rugtui")
        run = inlined(function)
        run.enable_caching()
    except RuntimeError:  # no directory is writable, or there is no home directory
        return inlined(function)
    finally:
        config.CACHE_DIR = before
    return run
