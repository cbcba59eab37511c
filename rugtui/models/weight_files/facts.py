"""Facts beside the arrays of a weight file: activation, p, and signs of another model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from rugtui.errors import WeightsError
from rugtui.settings.settings import Activation

ACTIVATION = re.compile(
    r"(?:.*\.)?(?:final_layer_)?(?:activation(?:_function|_fn)?|act_fn|act_func|nonlinearity)", re.I
)
HIDDEN_ACTIVATION = re.compile(
    r"(?:.*\.)?(?:init_layer|hidden)_(?:act_func|activation|act_fn)", re.I
)
CHANCE = re.compile(r"(?:.*\.)?(?:p_feat|p_feature|feature_prob(?:ability)?)|settings\.p", re.I)
SCALE = re.compile(r"(?:.*\.)?(?:\w*_)?scale(?:_factor)?|(?:.*\.)?temperature", re.I)
ACTIVATIONS: dict[str, Activation] = {name: name for name in get_args(Activation)}
SAME = {"linear": "identity", "none": "identity", "leakyrelu": "leaky_relu"}


@dataclass(frozen=True, slots=True)
class Said:
    """What a file says; None if it says nothing, or contradicts itself."""

    activation: Activation | None = None
    other_activation: str = ""
    """An activation that rugtui does not have, as the file spells it."""
    p: float | None = None
    scale: str = ""
    """A factor that is not 1, as a phrase."""
    hidden_activation: str = ""
    k: int | None = None
    """Outputs that topk keeps."""
    magnitude: str | None = None
    """Law of a feature that is on."""

    def settings(self) -> dict[str, Any]:
        """The settings of a run that the file says."""
        known = {"p": self.p, "activation": self.activation, "k": self.k}
        known |= {"magnitude": self.magnitude}
        return {name: value for name, value in known.items() if value is not None}

    def require_known(self) -> None:
        """Raises WeightsError for an activation that rugtui does not have."""
        if self.other_activation:
            raise WeightsError(
                f"The file says that its activation is {self.other_activation}, and here it is one "
                f"of {', '.join(ACTIVATIONS)}: say which is meant with --activation."
            )


def said_by(facts: Mapping[str, Any]) -> Said:
    """From names and values beside the arrays, such as cfg.final_layer_act_func or p_feat."""
    activations = {
        name for key, value in facts.items() if ACTIVATION.fullmatch(key) and (name := _name(value))
    }
    chances = {
        float(value)
        for key, value in facts.items()
        if CHANCE.fullmatch(key) and isinstance(value, int | float) and 0 < value <= 1
    }
    scales = [
        f"{key} is {value:g}"
        for key, value in facts.items()
        if SCALE.fullmatch(key) and isinstance(value, int | float) and value not in (1, True)
    ]
    hidden = [
        name
        for key, value in facts.items()
        if HIDDEN_ACTIVATION.fullmatch(key) and (name := _name(value)) not in ("", "identity")
    ]
    one = activations.pop() if len(activations) == 1 else ""
    return Said(
        activation=ACTIVATIONS.get(one),
        other_activation="" if one in ACTIVATIONS else one,
        p=chances.pop() if len(chances) == 1 else None,
        scale=scales[0] if scales else "",
        hidden_activation=hidden[0] if hidden else "",
        magnitude=law if isinstance(law := facts.get("settings.magnitude"), str) else None,
        k=k if isinstance(k := facts.get("settings.k"), int) and k > 0 else None,
    )


def _name(value: Any) -> str:
    """ReLU, F.relu and torch.nn.modules.activation.ReLU are all relu."""
    if not isinstance(value, str):
        return ""
    name = value.rpartition(".")[2].lower()
    return SAME.get(name, name)
