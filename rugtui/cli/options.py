"""Options that commands share, made from the fields of `Settings`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from rugtui.errors import SettingError, UsageError
from rugtui.runtime.terminal import lacks_unicode
from rugtui.settings.fields import AUTO, Declared, fields_of
from rugtui.settings.preferences import Preferences
from rugtui.settings.presets import PRESETS, preset
from rugtui.settings.settings import Settings, declared, dense_from_ratio


class GroupedHelp(click.Command):
    """A command whose help lists its own options first, then the settings by group."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {name: [] for name in ("", *GROUPS)}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and isinstance(param, click.Option):
                groups[getattr(param, "group", "")].append(record)
        for name, records in groups.items():
            if records:
                with formatter.section(GROUPS.get(name, "Options")):
                    formatter.write_dl(records)


class DeclaredOption(click.Option):
    """The option of a declared setting or preference; `group` is where help lists it."""

    def __init__(self, *names: Any, group: str, **known: Any) -> None:
        super().__init__(*names, **known)
        self.group = group if group in GROUPS else ""


GROUPS = {
    "model": "Model",
    "training": "Training",
    "machine": "Machine",
    "screen": "Screen and saving",
}


class SettingType(click.ParamType):
    """A click type that parses text as the setting does, with the setting's own messages."""

    def __init__(self, field: Declared) -> None:
        self.field = field
        self.name = "|".join(field.choices) or TYPE_NAMES[field.kind]

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return self.name

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> GivenValue:
        return GivenValue(self.field.parse(value))

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        values = self.field.choices or COMPLETIONS.get(self.field.name, ())
        items = [CompletionItem(value) for value in values if value.startswith(incomplete)]
        if self.field.name == "init":  # or a file of weights
            items.append(CompletionItem(incomplete, type="file"))
        return items


TYPE_NAMES = {bool: "BOOLEAN", int: "INTEGER", float: "FLOAT", str: "TEXT"}
"""As click writes them in help."""
COMPLETIONS = {
    "device": ("auto", "cpu", "cuda", "cuda:0", "mps"),
    "init": ("default", "linear", "orthonormal", "rug"),
}
"""Values that the shell completes, for settings that also accept others."""


class GivenValue:
    """The value of an option, so that a given `auto` (None) differs from no value."""

    def __init__(self, value: Any) -> None:
        self.value = value


class PathOption(click.Path):
    """A path that is not empty; for an output file, its folder must exist, and its name end in one
    of the suffixes, if any."""

    def __init__(self, what: Literal["any", "folder", "output"] = "any", *suffixes: str) -> None:
        super().__init__(
            path_type=Path,
            file_okay=what != "folder",
            dir_okay=what != "output",
            allow_dash=what == "output",
        )
        self.is_output, self.suffixes = what == "output", suffixes

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value).strip():
            self.fail("it must be a path, but it is empty.", param, ctx)
        path = Path(str(super().convert(value, param, ctx)))
        if self.is_output and not path.parent.is_dir():
            folder = str(path.parent)
            self.fail(f"there is no folder {folder!r}: make it, or name another.", param, ctx)
        if self.suffixes and path.suffix not in self.suffixes:
            self.fail(f"{str(path)!r} must end in {' or '.join(self.suffixes)}.", param, ctx)
        return path


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def settings_options(default: str = "") -> Decorator:
    """`--preset`, an option for each setting, and `--ratio` instead of `--n-dense`. `default` is
    what help says is used without an option, if that is not the setting's own default."""

    preset = click.option(
        "--preset", metavar="|".join(PRESET_NAMES), help=PRESET, shell_complete=_presets
    )
    ratio = click.option("--ratio", type=float, help=RATIO, cls=DeclaredOption, group="model")
    names = list(fields_of(Settings))
    after = names.index("n_dense") + 1

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        command = ratio(declared_options(names[after:], default)(preset(command)))
        return declared_options(names[:after], default)(command)

    return add


def _presets(ctx: click.Context, param: click.Parameter, begun: str) -> list[CompletionItem]:
    return [
        CompletionItem(one.name, help=one.about) for one in PRESETS if one.name.startswith(begun)
    ]


def complete_runs(ctx: click.Context, param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Completes names of runs, and files."""
    from rugtui.storage.run_directory import all_runs

    runs = [CompletionItem(run.name) for run in all_runs() if run.name.startswith(begun)]
    return [*runs, CompletionItem(begun, type="file")]


def refuse_unused(ctx: click.Context, *names: str, because: str) -> None:
    """Raises UsageError if one of these options was given, because it would have no effect."""
    for param in ctx.command.params:
        source = ctx.get_parameter_source(param.name or "")
        if param.name in names and source is ParameterSource.COMMANDLINE:
            raise UsageError(f"{param.opts[0]} has no effect {because}: leave it out.")


SCREEN = ("fps", "link", "theme", "ascii", "mouse")
"""Preferences of a dashboard that does not train."""
SAVING = ("on_hangup", "autosave")
PREFERENCES = tuple(fields_of(Preferences))
DECLARED = {**fields_of(Settings), **fields_of(Preferences)}


def declared_options(names: Iterable[str | Declared], default: str = "") -> Decorator:
    """Options of settings and preferences by name, or of other declared fields, in this order.
    `default` is as for `settings_options`."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for name in reversed(list(names)):
            field = DECLARED[name] if isinstance(name, str) else name
            command = _declared_option(field, default)(command)
        return command

    return add


def _declared_option(field: Declared, default: str) -> Decorator:
    """For a bool, the pair --name/--no-name."""
    word = field.name.replace("_", "-")
    return click.option(
        f"--{word}/--no-{word}" if field.kind is bool else f"--{word}",
        field.name,
        type=None if field.kind is bool else SettingType(field),
        default=None,
        help=f"{field.rule.about}  [{default or _default(field)}]",
        cls=DeclaredOption,
        group="screen" if field.name in PREFERENCES else field.rule.group,
    )


def whole_number_option(flag: str, least: int, **known: Any) -> Callable[..., Any]:
    """An option for a whole number of at least `least`."""
    return click.option(flag, type=click.IntRange(least), metavar="N", **known)


PRESET_NAMES = tuple(one.name for one in PRESETS)
PRESET = "A named group of settings; other options override it."
RATIO = "n_dense as a fraction of n_sparse, instead of --n-dense."


def _default(field: Declared) -> str:
    default = field.write(field.default)
    return f"{AUTO}: {field.rule.auto}" if default == AUTO and field.rule.auto else default


def given_settings(given: dict[str, Any], base: Settings | None = None) -> Settings:
    """Validated settings from the options, over the given preset, over `base` or the defaults.

    Raises SettingError, and UsageError if both --ratio and --n-dense are given.
    """
    base = base or Settings()
    if given.get("preset") is not None:
        base = preset(given["preset"]).over(base)
    changes = given_fields(Settings, given)
    ratio = given.get("ratio")
    if ratio is not None:
        if "n_dense" in changes:
            raise UsageError("--ratio and --n-dense both set n_dense: give one of them.")
        changes["n_dense"] = dense_from_ratio(ratio, changes.get("n_sparse", base.n_sparse))
    try:
        return base.replace(**changes)
    except SettingError as error:
        if error.name == "n_dense" and "n_dense" not in changes and "n_sparse" in changes:
            wanted = f"above n_dense, which is {base.n_dense} unless it is given"
            hint = "add --n-dense or --ratio"
            raise SettingError("n_sparse", wanted, changes["n_sparse"], hint) from None
        raise


def given_preferences(given: dict[str, Any], base: Preferences | None = None) -> Preferences:
    """Validated preferences from the options. Raises SettingError.

    Without --ascii and --no-ascii, a locale without braille and blocks decides.
    """
    changes = given_fields(Preferences, given)
    if lacks_unicode():
        changes.setdefault("ascii", True)
    return dataclasses.replace(base or Preferences(), **changes)


def given_changes(given: dict[str, Any]) -> dict[str, Any]:
    """The settings given for weights whose size is fixed. Raises UsageError for --ratio."""
    if given.get("ratio") is not None:
        raise UsageError("--ratio sets the size of W, which is fixed already: leave it out.")
    return given_fields(Settings, given)


def given_fields(kind: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `kind` that were given as options; options that were not given are None."""
    values = {name: given[name] for name in fields_of(kind) if given.get(name) is not None}
    return {name: getattr(one, "value", one) for name, one in values.items()}


OF_FILE = "For a FILE of weights:"
names_option = click.option(
    "--names",
    metavar="W_in=NAME,W_out=NAME,b=NAME",
    help=f"{OF_FILE} which array is which (also W, b_in; NAME.T transposes).",
)
activation_option = click.option(
    "--activation",
    type=SettingType(declared("activation")),
    help=f"{OF_FILE} its activation function, applied to W x + b.  [what the file says, or relu]",
)
k_option = click.option(
    "--k",
    type=SettingType(declared("k")),
    help=f"{OF_FILE} how many outputs topk keeps.  [p n_sparse]",
)


def with_names(file: object, names: str | None) -> str:
    """The file with the value of --names as a selector for `read_weight_file`."""
    return str(file) if names is None else f"{file}#{names}"
