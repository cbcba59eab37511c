"""Named groups of settings: in the form, in the palette and as `--preset NAME`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from rugtui.errors import SettingError
from rugtui.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class Preset:
    """A name, a sentence, and what it sets; the rest stays at the user's defaults."""

    name: str
    about: str
    changes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "changes", MappingProxyType(dict(self.changes)))
        Settings(**self.changes)  # an invalid preset fails when the module is imported

    def over(self, base: Settings) -> Settings:
        """`base` with this preset's settings replaced. Raises SettingError."""
        return base.replace(**self.changes)


PRESETS = (
    Preset(
        "small",
        "Small and fast: 128 features in 32 dimensions, on the plateau within seconds.",
        {"n_sparse": 128, "n_dense": 32, "p": 0.05, "batch": 512, "steps": 10_000},
    ),
    Preset(
        "paper",
        "The paper's size and recipe: 1,024 features, initialized as PyTorch's Linear, in epochs.",
        {
            "n_sparse": 1024,
            "n_dense": 256,
            "p": 0.05,
            "init": "linear",
            "optimizer": "adam",
            "schedule": "reference",
            "batch": 1024,
            "steps": 45_000,  # 1,500 epochs, where its loss has not stopped falling before
        },
    ),
    Preset(
        "sparse",
        "High sparsity: 2,048 features, each on once in a thousand samples.",
        {"n_sparse": 2048, "n_dense": 256, "p": 0.001, "batch": 2048, "steps": 20_000},
    ),
    Preset(
        "large",
        "Large: 8,192 features in 2,048 dimensions; w shows the rug.",
        {"n_sparse": 8192, "n_dense": 2048, "p": 0.005, "batch": 256, "steps": 0},
    ),
    Preset(
        "break",
        "Break the symmetry: small, and trained until the loss is far below L*.",
        {"n_sparse": 128, "n_dense": 32, "p": 0.05, "batch": 1024, "steps": 40_000},
    ),
    Preset(
        "pairs",
        "Antipodal pairs: the loss falls from L* to a fifth of it while W turns into pairs.",
        {"n_sparse": 256, "n_dense": 128, "p": 0.05, "batch": 1024, "steps": 12_000},
    ),
)


def preset(name: str) -> Preset:
    """The preset of this name. Raises SettingError."""
    for one in PRESETS:
        if one.name == name:
            return one
    names = ", ".join(one.name for one in PRESETS)
    raise SettingError("preset", f"one of {names}", repr(name))
