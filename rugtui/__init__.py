"""A toy model of superposition: its theory, its training and its Persian rugs.

`import rugtui` is light: torch and the rest are imported by the first call that needs them.

>>> import rugtui
>>> rugtui.predict(0.25, 0.05).loss < rugtui.predict(0.25, 0.05).linear
True
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rugtui import errors
    from rugtui.api.predictions import predict
    from rugtui.api.rugs import EngineeredWeights, rug
    from rugtui.api.runs import Run, load, train
    from rugtui.api.sweeps import Sweep, sweep
    from rugtui.settings.settings import Settings
    from rugtui.storage.load import Saved
    from rugtui.tables import Table

__version__ = "0.2.0"
__all__ = [
    "EngineeredWeights",
    "Run",
    "Saved",
    "Settings",
    "Sweep",
    "Table",
    "__version__",
    "errors",
    "load",
    "predict",
    "rug",
    "sweep",
    "train",
]

_HOMES = {
    "EngineeredWeights": "rugtui.api.rugs",
    "Run": "rugtui.api.runs",
    "Saved": "rugtui.storage.load",
    "Settings": "rugtui.settings.settings",
    "Sweep": "rugtui.api.sweeps",
    "Table": "rugtui.tables",
    "load": "rugtui.api.runs",
    "predict": "rugtui.api.predictions",
    "rug": "rugtui.api.rugs",
    "sweep": "rugtui.api.sweeps",
    "train": "rugtui.api.runs",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its module the first time that it is used."""
    if name == "errors":
        return importlib.import_module("rugtui.errors")
    if name not in _HOMES:
        raise AttributeError(f"module 'rugtui' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
