"""Options that commands share, made from the fields of `Settings`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from rugtui.config import Settings, fields
from rugtui.declared import AUTO, Declared
from rugtui.errors import SettingError, UsageError


class SettingType(click.ParamType):
    """A click type that reads text as the setting does, and says what the setting says."""

    def __init__(self, declared: Declared) -> None:
        self.declared = declared
        self.name = "|".join(declared.choices) or declared.kind.__name__

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return self.name if self.declared.choices else self.name.upper()

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Written:
        return Written(self.declared.parse(value))


class Written:
    """A value that somebody wrote, so that a written `auto` (None) differs from nothing at all."""

    def __init__(self, value: Any) -> None:
        self.value = value


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command one option for each setting, and `--ratio` as another way to say n_dense."""
    for declared in reversed(list(fields())):
        command = setting_option(declared)(command)
    return command


def setting_option(declared: Declared) -> Callable[..., Any]:
    """The option of one setting; with n_dense comes `--ratio`."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        if declared.name == "n_dense":
            command = click.option("--ratio", type=float, metavar="FLOAT", help=RATIO)(command)
        return click.option(
            "--" + declared.name.replace("_", "-"),
            declared.name,
            type=SettingType(declared),
            default=None,
            help=_help(declared),
        )(command)

    return decorate


RATIO = "n_dense as a fraction of n_sparse, instead of --n-dense."


def _help(declared: Declared) -> str:
    default = declared.write(declared.default)
    if default == AUTO and declared.rule.auto:
        default = f"{AUTO}: {declared.rule.auto}"
    return f"{declared.rule.about}  [{default}]"


def given_settings(given: dict[str, Any], base: Settings | None = None) -> Settings:
    """Validated settings from what the options gave, over `base` or the defaults.

    Raises SettingError, and UsageError where --ratio and --n-dense are both there.
    """
    base = base or Settings()
    written = {name: one.value for name, one in given.items() if isinstance(one, Written)}
    ratio = given.get("ratio")
    if ratio is not None:
        if "n_dense" in written:
            raise UsageError("--ratio and --n-dense both say n_dense: give one of them.")
        written["n_dense"] = dense_from_ratio(ratio, written.get("n_sparse", base.n_sparse))
    return base.replace(**written)


def dense_from_ratio(ratio: float, n_sparse: int) -> int:
    """n_dense = round(ratio · n_sparse), between 1 and n_sparse − 1. Raises SettingError."""
    n_dense = round(ratio * n_sparse) if 0 < ratio < 1 else 0
    if not 1 <= n_dense < n_sparse:
        wanted = (
            f"a number from {1 / n_sparse:.3g} to {1 - 1 / n_sparse:.6g} at n_sparse {n_sparse}"
        )
        raise SettingError("ratio", wanted, ratio, "n_dense = ratio · n_sparse is rounded")
    return n_dense
