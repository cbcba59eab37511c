"""Options that commands share, made from the fields of `Settings`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from rugtui.errors import SettingError, UsageError
from rugtui.runtime.characters import lacks_unicode
from rugtui.settings.fields import AUTO, Declared, fields_of
from rugtui.settings.preferences import Preferences
from rugtui.settings.presets import PRESETS, preset
from rugtui.settings.settings import Settings, dense_from_ratio, fields


class GroupedHelp(click.Command):
    """A command whose help lists its own options first, then the settings by group."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {name: [] for name in ("", *GROUPS)}
        for param in self.get_params(ctx):
            if (record := param.get_help_record(ctx)) is not None:
                groups[getattr(param, "group", "")].append(record)
        for name, records in groups.items():
            if records:
                with formatter.section(GROUPS.get(name, "Options")):
                    formatter.write_dl(records)


class DeclaredOption(click.Option):
    """The option of a declared setting or preference; `group` is where help lists it."""

    group = ""


GROUPS = {
    "model": "Model",
    "training": "Training",
    "machine": "Machine",
    "screen": "Screen and saving",
}


class SettingType(click.ParamType):
    """A click type that parses text as the setting does, with the setting's own messages."""

    def __init__(self, declared: Declared) -> None:
        self.declared = declared
        self.name = "|".join(declared.choices) or declared.kind.__name__

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return self.name if self.declared.choices else self.name.upper()

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Written:
        return Written(self.declared.parse(value))

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        values = self.declared.choices or COMPLETIONS.get(self.declared.name, ())
        found = [CompletionItem(value) for value in values if value.startswith(incomplete)]
        if self.declared.name == "init":  # or a file of weights
            found.append(CompletionItem(incomplete, type="file"))
        return found


COMPLETIONS = {
    "device": ("auto", "cpu", "cuda", "cuda:0", "mps"),
    "init": ("default", "linear", "orthonormal", "rug"),
}
"""Values that the shell completes, for settings that also accept others."""


class Written:
    """A given value, so that a given `auto` (None) differs from no value."""

    def __init__(self, value: Any) -> None:
        self.value = value


class PathOption(click.Path):
    """A path that is not empty; for an output file, its folder must exist."""

    def __init__(self, what: Literal["any", "folder", "output"] = "any") -> None:
        super().__init__(
            path_type=Path,
            file_okay=what != "folder",
            dir_okay=what != "output",
            allow_dash=what == "output",
        )
        self.is_output = what == "output"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value).strip():
            self.fail("it must be a path, but it is empty.", param, ctx)
        path = Path(str(super().convert(value, param, ctx)))
        if self.is_output and not path.parent.is_dir():
            folder = str(path.parent)
            self.fail(f"there is no folder {folder!r}: make it, or name another.", param, ctx)
        return path


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each setting, and `--ratio` as an alternative to n_dense."""
    command = click.option(
        "--preset", metavar="|".join(PRESET_NAMES), help=PRESET, shell_complete=_presets
    )(command)
    for declared in reversed(list(fields())):
        if declared.name == "n_dense":
            command = click.option(
                "--ratio", type=float, metavar="FLOAT", help=RATIO, cls=_in_group("model")
            )(command)
        command = declared_option(declared)(command)
    return command


def _presets(ctx: click.Context, param: click.Parameter, begun: str) -> list[CompletionItem]:
    return [
        CompletionItem(one.name, help=one.about) for one in PRESETS if one.name.startswith(begun)
    ]


def complete_runs(ctx: click.Context, param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Completes names of runs, and files."""
    from rugtui.storage.run_directory import all_runs

    found = [CompletionItem(run.name) for run in all_runs() if run.name.startswith(begun)]
    return [*found, CompletionItem(begun, type="file")]


def refuse_idle(ctx: click.Context, *names: str, because: str) -> None:
    """Raises UsageError if one of these options was given, because it would have no effect."""
    for param in ctx.command.params:
        source = ctx.get_parameter_source(param.name or "")
        if param.name in names and source is ParameterSource.COMMANDLINE:
            raise UsageError(f"{param.opts[0]} has no effect {because}: leave it out.")


def preferences_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each preference, for a command that opens the dashboard."""
    for declared in reversed(fields_of(Preferences).values()):
        command = declared_option(declared)(command)
    return command


def screen_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same, for a command that opens a dashboard without training."""
    for name in reversed(SCREEN):
        command = declared_option(fields_of(Preferences)[name])(command)
    return command


SCREEN = ("fps", "link", "theme", "ascii", "mouse")


def declared_option(declared: Declared) -> Callable[..., Any]:
    """The option of a declared field; for a bool, the pair --name/--no-name."""
    word = declared.name.replace("_", "-")
    known: dict[str, Any] = {"default": None, "help": _help(declared)}
    known["cls"] = _in_group(declared.rule.group if declared.name in SETTINGS else "screen")
    if declared.kind is bool:
        return click.option(f"--{word}/--no-{word}", declared.name, **known)
    return click.option(f"--{word}", declared.name, type=SettingType(declared), **known)


SETTINGS = fields_of(Settings)


def _in_group(group: str) -> type[DeclaredOption]:
    """A class of options that the help lists in this group."""
    return type("DeclaredOption", (DeclaredOption,), {"group": group if group in GROUPS else ""})


PRESET_NAMES = tuple(one.name for one in PRESETS)
PRESET = "A named group of settings; other options override it."
RATIO = "n_dense as a fraction of n_sparse, instead of --n-dense."


def _help(declared: Declared) -> str:
    default = declared.write(declared.default)
    if default == AUTO and declared.rule.auto:
        default = f"{AUTO}: {declared.rule.auto}"
    return f"{declared.rule.about}  [{default}]"


def given_settings(given: dict[str, Any], base: Settings | None = None) -> Settings:
    """Validated settings from the options, over the given preset, over `base` or the defaults.

    Raises SettingError, and UsageError if both --ratio and --n-dense are given.
    """
    base = base or Settings()
    if given.get("preset") is not None:
        base = preset(given["preset"]).over(base)
    written = written_options(Settings, given)
    ratio = given.get("ratio")
    if ratio is not None:
        if "n_dense" in written:
            raise UsageError("--ratio and --n-dense both set n_dense: give one of them.")
        written["n_dense"] = dense_from_ratio(ratio, written.get("n_sparse", base.n_sparse))
    try:
        return base.replace(**written)
    except SettingError as error:
        if error.name == "n_dense" and "n_dense" not in written and "n_sparse" in written:
            n_dense = base.n_dense
            hint = "add --n-dense or --ratio"
            wanted = f"above n_dense, which is {n_dense} unless it is given"
            raise SettingError("n_sparse", wanted, written["n_sparse"], hint) from None
        raise


def given_preferences(given: dict[str, Any], base: Preferences | None = None) -> Preferences:
    """Validated preferences from the options. Raises SettingError.

    Without --ascii and --no-ascii, a locale without braille and blocks decides.
    """
    options = written_options(Preferences, given)
    if lacks_unicode():
        options.setdefault("ascii", True)
    return dataclasses.replace(base or Preferences(), **options)


def written(given: dict[str, Any]) -> dict[str, Any]:
    """Only the settings that were given. Raises UsageError for --ratio."""
    if given.get("ratio") is not None:
        raise UsageError("--ratio sets the size of W, which is fixed already: leave it out.")
    return written_options(Settings, given)


def written_options(kind: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `kind` that were given; options that were not given are None."""
    found = {name: given[name] for name in fields_of(kind) if given.get(name) is not None}
    return {name: one.value if isinstance(one, Written) else one for name, one in found.items()}


OF_FILE = "Of a FILE of weights:"
names_option = click.option(
    "--names",
    metavar="W_in=NAME,W_out=NAME,b=NAME",
    help=f"{OF_FILE} which array is what (also W, b_in; NAME.T transposes).",
)


def with_names(file: object, names: str | None) -> str:
    """The file with the value of --names as a selector for `read_weight_file`."""
    return str(file) if names is None else f"{file}#{names}"
