"""Functions compiled by Numba, kept on disk, so that only the first run on a machine compiles.

The files lie in the user's cache directory. Numba reads them back by pickle, as Python reads its
own bytecode: they are this user's and made on this machine, never a file from elsewhere.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from typing import Any

import numba
import platformdirs

FAST = {"reassoc", "contract", "nsz", "arcp"}
"""Freedoms of rounding that let loops use vector instructions; NaN and infinity stay what they are,
because by them a run is seen to diverge."""


def inlined(function: Callable[..., Any]) -> Any:
    """`function` for use by compiled ones, and compiled with them."""
    options = {"nogil": True, "boundscheck": False, "error_model": "numpy", "fastmath": FAST}
    return numba.njit(**options)(function)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, compiled or read from disk when first called; it runs without Python's lock."""
    run = _cached(function)

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        nonlocal run
        try:
            return run(*arguments)
        except Exception:  # whatever a full disk or a damaged file raises, before anything is run
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
    except RuntimeError:  # no directory can be written, or the user has no home
        return inlined(function)
    finally:
        config.CACHE_DIR = before
    return run
