"""Chooses the weights among the arrays in a file, or says why the choice is ambiguous."""

from __future__ import annotations

from collections.abc import Iterable

from rugtui.errors import WeightsError
from rugtui.models.weight_files.containers import Contents
from rugtui.models.weight_files.conventions import (
    CONVENTIONS,
    Candidate,
    Convention,
    StatedSettings,
    candidates,
)

LETTERS_SHOWN, NAMES_SHOWN = 60, 12
"""Letters of a name, and names, that a sentence shows."""
ROLES = ("W_in", "W_out", "W", "b", "b_in")


def chosen_weights(contents: Contents, selectors: list[str]) -> tuple[Candidate, list[Candidate]]:
    """The chosen weights, and the other candidates; removes the selectors that it uses. Raises
    WeightsError if there are none, or several and no selector chooses one."""
    for selector in selectors:
        if "=" in selector:
            selectors.remove(selector)
            return _explicit(contents, selector), []
    found = candidates({name: entry.shape for name, entry in contents.arrays.items()})
    for selector in selectors:
        matching = [one for one in found if selector in (one.label, *one.roles.values())]
        if len(matching) == 1:
            selectors.remove(selector)
            return matching[0], [one for one in found if one is not matching[0]]
    if unknown := [one for one in selectors if not one.isdecimal() and one[:1] != "-"]:
        there = f"it has {listed(one.label for one in found)}" if found else "it has none"
        raise WeightsError(f"{contents.path} has no weights named {unknown[0]!r}: {there}.")
    if len(found) > 1:
        raise WeightsError(
            f"{contents.path} has several weights: {listed(one.label for one in found)}; say "
            f"which: {contents.path.name}#{found[0].label} is the first."
        )
    if not found:
        raise WeightsError(_none_found(contents))
    return found[0], []


def _explicit(contents: Contents, text: str) -> Candidate:
    """Weights by explicit names: W_in=NAME,W_out=NAME,b=NAME."""
    roles = {}
    for part in text.split(","):
        role, mark, name = part.strip().partition("=")
        if role not in ROLES or not mark or not name:
            raise WeightsError(
                "Names are given as W_in=NAME,W_out=NAME,b=NAME (or W=NAME, b_in=NAME), but "
                f"{part!r} is none of these."
            )
        if plain_name(contents, name) not in contents.arrays:
            raise WeightsError(
                f"{contents.path} has no array {name!r}: it has {listed(contents.arrays)}."
            )
        roles[role] = name
    if not ("W_in" in roles) ^ ("W" in roles) or ("W" in roles and "W_out" in roles):
        raise WeightsError(f"Names must say W_in, W_in and W_out, or W, but they say {text}.")
    if "W" in roles:
        shape = contents.arrays[plain_name(contents, roles["W"])].shape
        if len(shape) < 2 or shape[-1] != shape[-2]:
            roles = {"W_in": roles.pop("W"), **roles}
    return Candidate("names", Convention("names", "", layout="either"), roles, explicit=True)


def plain_name(contents: Contents, name: str) -> str:
    """The array's own name, without the .T that transposes it."""
    return name if name in contents.arrays else name.removesuffix(".T")


def _none_found(contents: Contents) -> str:
    known = (
        "W_in, W_out, b, or initial_layer.weight, final_layer.weight, final_layer.bias, or W, "
        "b_final"
    )
    text = (
        f"{contents.path} needs arrays named {known} (the README has {len(CONVENTIONS)} more "
        f"conventions), but it has {listed(contents.arrays) or 'none'}"
    )
    if contents.arrays:
        text += "; --names W_in=NAME,W_out=NAME,b=NAME says which is which"
    elif contents.objects:
        kinds = sorted(set(contents.objects.values()))
        text += (
            f" beside objects ({listed(kinds)}) that only their own code can read; if you trust "
            f"it: {contents.conversion}"
        )
        return text
    return text + "."


def require_plain(contents: Contents, chosen: Candidate, said: StatedSettings) -> None:
    """Refuse other models: with a hidden activation, with scale factors, with biases that are
    objects."""
    file, convention = contents.path, chosen.convention
    if convention.refusal:
        raise WeightsError(
            f"{listed(chosen.roles.values())} in {file} are not read: {convention.refusal}, but "
            f"the toy model has nothing there; {names_hint(chosen)} reads them all the same."
        )
    first, base = next(iter(chosen.roles.values())), convention.W_in
    prefix = first[: len(first) - len(base)]
    hidden = [prefix + name for name in (*convention.b, *convention.b_in)]
    if objects := [name for name in hidden if name in contents.objects]:
        raise WeightsError(
            f"{objects[0]} in {file} is an object ({contents.objects[objects[0]]}), not "
            f"numbers: store it as an array, or {names_hint(chosen)} reads the weights without it."
        )
    if said.scale:
        raise WeightsError(
            f"{said.scale} beside the weights in {file}, but the toy model has no such factor; "
            f"{names_hint(chosen)} reads them without it."
        )
    if said.hidden_activation:
        raise WeightsError(
            f"{file} says that its hidden layer has an activation ({said.hidden_activation}), but "
            f"the toy model has none; {names_hint(chosen)} reads the weights all the same."
        )


def names_hint(chosen: Candidate) -> str:
    return f"--names {chosen.names_option}"


def listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    shown = [name[:LETTERS_SHOWN] for name in ordered[:NAMES_SHOWN]]
    return ", ".join(shown) + (", …" if len(ordered) > NAMES_SHOWN else "")
