"""`rugtui export`: a run or a snapshot in the formats of others."""

from __future__ import annotations

import dataclasses
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rugtui.errors import RunError, UsageError

if TYPE_CHECKING:
    from rugtui.runs.load import Saved

TEXT = ("csv", "json")
"""Formats that go to standard output where no file is named."""


@click.command(name="export")
@click.argument("what", required=False, metavar="[RUN|SNAPSHOT]")
@click.option(
    "--format",
    "wanted",
    type=click.Choice(["safetensors", "npz", "csv", "json", "png", "svg"]),
    help="What to write.  [that of --output's name]",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write; - is standard output.  [csv and json: -, others: RUN.FORMAT]",
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def command(what: str | None, wanted: str | None, output: Path | None, force: bool) -> None:
    """Write a run (the latest where none is named) or a snapshot in another format.

    \b
    safetensors, npz  weights W_in, W_out, b; npz has the history too
    csv               the history, raw and smoothed (the old results of a very long one thinned)
    json              settings, theory, statistics, units and versions
    png               W at full resolution, with its colours explained
    svg               the screen as it was at a snapshot
    """  # fmt: skip
    format_name = _format(wanted, output)
    from rugtui.runs.load import load

    path = _place(what)
    if format_name == "svg":
        content = _screen(path)
    else:
        saved = load(path)
        for note in saved.notes:
            click.echo(f"rugtui: {note}", err=True)
        content = WRITERS[format_name](saved)
    _deliver(content, output or _default(path, format_name), force=force)


def _format(wanted: str | None, output: Path | None) -> str:
    known = (*WRITERS, "svg")
    if wanted is None and output is not None and output.suffix[1:] in known:
        return output.suffix[1:]
    if wanted is None:
        raise UsageError(f"--format must be one of {', '.join(known)}; none was given.")
    return wanted


def _place(what: str | None) -> Path:
    from rugtui.runs.directory import find_run, is_snapshot

    if what is not None and is_snapshot(Path(what)):
        return Path(what)
    return find_run(what)


def _default(path: Path, format_name: str) -> Path:
    return Path("-") if format_name in TEXT else Path(f"{path.resolve().name}.{format_name}")


def _deliver(content: bytes, output: Path, *, force: bool) -> None:
    from rugtui.runs.files import write_whole

    if str(output) == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    if output.exists() and not force:
        raise UsageError(f"{str(output)!r} is there already: --force writes over it.")
    write_whole(output, content)
    click.echo(str(output))


def _safetensors(saved: Saved) -> bytes:
    from rugtui.runs.snapshot import weights_bytes

    facts = {"kind": saved.kind, "step": saved.step, "settings": saved.settings.as_dict()}
    return weights_bytes(saved.weights, facts)


def _npz(saved: Saved) -> bytes:
    import numpy as np

    weights = saved.weights
    arrays: dict[str, Any] = {
        name: getattr(weights, name).numpy() for name in ("W_in", "W_out", "b")
    }
    arrays |= {f"history_{name}": column for name, column in saved.history.items()}
    file = io.BytesIO()
    np.savez(file, settings=np.array(json.dumps(saved.settings.as_dict())), **arrays)
    return file.getvalue()


def _csv(saved: Saved) -> bytes:
    from rugtui.runs.snapshot import table_bytes

    return table_bytes(saved.past.columns, saved.past.table)


def _json(saved: Saved) -> bytes:
    """What a snapshot knows; of a run it is computed, as a snapshot would."""
    import numpy as np

    from rugtui.measure import statistics
    from rugtui.runs.files import dump, plain
    from rugtui.runs.snapshot import UNITS
    from rugtui.theory.levels import levels

    settings = saved.settings
    facts = {name: value for name, value in saved.facts.items() if name != "files"}
    if "statistics" not in facts:
        generator = np.random.default_rng(settings.seed)
        measured = statistics(saved.weights, settings.p, generator=generator)
        facts["statistics"] = {"step": saved.step, **measured.numbers()}
    facts |= {
        "kind": saved.kind,
        "step": saved.step,
        "settings": settings.as_dict(),
        "units": UNITS,
        "theory": dataclasses.asdict(levels(settings.ratio, settings.p)),
        "changes": [{"step": step, "change": text} for step, text in saved.marks],
    }
    return dump(plain(facts), indent=2).encode() + b"\n"


def _png(saved: Saved) -> bytes:
    from rugtui.runs.heatmap import heatmap_png
    from rugtui.ui.renderables.picture_colours import picture_colours

    title = f"{saved.kind} step {saved.step}"
    facts = {"kind": saved.kind, "step": saved.step, "settings": saved.settings.as_dict()}
    return heatmap_png(saved.weights, picture_colours(dark=False), title, json.dumps(facts))


def _screen(path: Path) -> bytes:
    """The screen of a snapshot, or of a run's newest one."""
    from rugtui.runs.directory import is_snapshot
    from rugtui.runs.files import read_bytes
    from rugtui.runs.snapshot import read_snapshot

    folders = [path] if is_snapshot(path) else sorted(path.joinpath("snapshots").glob("*"))
    for folder in reversed(folders):
        if is_snapshot(folder) and "screen.svg" in read_snapshot(folder).get("files", {}):
            return read_bytes(folder / "screen.svg", SCREEN_MOST)
    raise RunError(f"{str(path)!r} has no screen: `s` in the dashboard saves one.")


SCREEN_MOST = 64 << 20
WRITERS: dict[str, Callable[[Saved], bytes]] = {
    "safetensors": _safetensors,
    "npz": _npz,
    "csv": _csv,
    "json": _json,
    "png": _png,
}
