"""Settings that have no effect next to others: the user is told which, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rugtui.settings.fields import fields_of
from rugtui.settings.settings import GROUPED, OF_AUTOENCODERS, Settings

OWN_RATES = "population training sets its own rates"
OF_SAMPLES = "lr", "optimizer", "momentum", "weight_decay", "schedule"


def unused(known: Mapping[str, Any]) -> dict[str, str]:
    """Names of settings that have no effect next to these, each with the reason.

    A value that is missing (an invalid row of a form) rules nothing out.
    """
    why: dict[str, str] = {}
    optimizer = known.get("optimizer")
    if optimizer in ("adam", "adamw"):
        why["momentum"] = f"{optimizer} keeps its own averages"
    if optimizer in ("adam", "sgd"):
        why["weight_decay"] = "it belongs to the optimizer adamw"
    if known.get("activation", "topk") != "topk":
        why["k"] = "it belongs to the activation topk"
    if known.get("activation") in OF_AUTOENCODERS and known.get("matmul") == "bf16":
        why["matmul"] = f"the activation {known['activation']} has no products in bfloat16"
    if known.get("data", "correlated") not in GROUPED:
        why["group"] = "it belongs to correlated and anticorrelated data"
    if known.get("data") == "one":
        why["p"] = "exactly one feature is on"
    if known.get("method") == "population":
        why |= dict.fromkeys(OF_SAMPLES, OWN_RATES)
        if known.get("matmul") == "bf16":
            why["matmul"] = "population training has no products in bfloat16"
    return why


def set_in_vain(settings: Settings) -> list[str]:
    """A sentence for each setting that differs from its default and has no effect."""
    known = fields_of(Settings)
    return no_effect(settings, [n for n in known if getattr(settings, n) != known[n].default])


def no_effect(settings: Settings, names: Iterable[str]) -> list[str]:
    """A sentence for each of these settings that has no effect next to the others."""
    known, why = fields_of(Settings), unused(settings.as_dict())
    return [
        f"{name} {known[name].write(getattr(settings, name))} has no effect: {why[name]}."
        for name in names
        if name in why
    ]
