"""`rugtui rug`: builds a rug and computes its losses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from rugtui.cli.options import (
    RATIO,
    PathOption,
    declared_options,
    given_settings,
    whole_number_option,
)
from rugtui.cli.output import json_option, print_result, readable
from rugtui.settings.settings import Construction, Settings

if TYPE_CHECKING:
    import torch

    from rugtui.models.base import Weights
    from rugtui.models.structure_builder import Part, Tune

BATCH_ENTRIES = 1 << 18
"""Entries of x in a batch: a megabyte, so that intermediate results stay in the cache."""
PICTURE_SIDE = 1024
"""Largest side of the picture in pixels."""
DECODER_SAMPLES = 1024
"""Samples for --decoder without --samples."""
DECODERS = "relu, linear, jumprelu, topk, elementwise, oracle"


@click.command(name="rug")
@declared_options(["n_sparse", "n_dense"])
@click.option("--ratio", type=float, metavar="FLOAT", help=RATIO)
@declared_options(["p"])
@click.option(
    "--construction",
    "--frame",
    "construction",
    metavar="NAME",
    help=f"How W is built: {', '.join(get_args(Construction))}, pairs, simplex:k, vote:K, "
    "lopsided, priority, priority:k, or best, the mixture with the lowest exact loss.  "
    "[hadamard; dct if n_sparse is not a power of two]",
)
@click.option(
    "--tune",
    type=click.Choice(["theory", "exact"]),
    help="Choose a and b for the lowest loss in theory at large n_sparse, or for the lowest exact "
    "loss at this size.  [theory; exact for best]",
)
@whole_number_option("--samples", 2, help="Also measure the loss on this many samples.")
@click.option(
    "--decoder",
    "decoder_names",
    multiple=True,
    metavar="NAME",
    help=f"Also measure the loss with this decoder: {DECODERS}, or all. May be repeated.",
)
@click.option(
    "--save",
    type=PathOption("output", ".safetensors"),
    help="Write W_in, W_out and b to this .safetensors file.",
)
@click.option(
    "--picture", type=PathOption("output", ".png"), help="Write a picture of W to this .png file."
)
@declared_options(["seed", "device"])
@json_option
def command(
    construction: str | None,
    tune: Tune | None,
    samples: int | None,
    decoder_names: tuple[str, ...],
    save: Path | None,
    picture: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Build a Persian rug for (n_sparse, n_dense, p) and compute its losses.

    W is constructed, not trained: from rows of a Hadamard matrix, or by another construction, with
    the best diagonal a and bias b. A Hadamard rug is stored as one vector, so that millions of
    features fit.
    """
    settings = given_settings(given)
    from rugtui.api.rugs import rug
    from rugtui.training.device import resolve

    device = resolve(settings.device)
    built = rug(
        settings.n_sparse,
        n_dense=settings.n_dense,
        p=settings.p,
        construction=construction,
        tune=tune,
        seed=settings.seed,
        device=settings.device,
    )
    weights, result = built.weights, built.summary()
    if not as_json:
        result["parts"] = "; ".join(map(part_text, built.parts))
    if save is not None:
        write_weights(weights, save)
    if picture is not None:
        write_picture(weights, picture)
    if samples or decoder_names:
        count = samples or DECODER_SAMPLES
        sampled = sample_losses(weights, settings, count, decoder_names, device)
        result |= sampled if as_json else decoder_lines(sampled)
    print_result(result, as_json, old_names="rug")


def part_text(part: Part) -> str:
    """As in "64 features in 16 dimensions: vote:4"."""
    structure = "symmetric" if part.structure.kind == "none" else part.structure
    return f"{part.n_sparse:,} features in {part.n_dense:,} dimensions: {structure}"


def sample_losses(
    weights: Weights,
    settings: Settings,
    samples: int,
    decoder_names: tuple[str, ...],
    device: torch.device,
) -> dict[str, Any]:
    """The sampled loss of the model and of each decoder, with the predicted one."""
    import torch

    from rugtui.live.measuring import STREAM
    from rugtui.models.decoders import DECODERS, sampled
    from rugtui.training.data import chunks

    others = tuple(DECODERS) if "all" in decoder_names else decoder_names
    names = list(dict.fromkeys(("relu", *others)))
    n_sparse, p = settings.n_sparse, settings.p
    generator = torch.Generator(device).manual_seed(settings.seed ^ STREAM)
    batches = chunks(n_sparse, p, samples, generator=generator, cells=BATCH_ENTRIES)
    losses = sampled(weights, p, (batch.dense() for batch in batches), names, device=device)
    result: dict[str, Any] = {
        "loss_sampled": losses[0].loss,
        "loss_sampled_standard_error": losses[0].standard_error,
        "samples": samples,
    }
    if others:
        result["decoders"] = {
            one.name: {name: getattr(one, name) for name in ("loss", "standard_error", "theory")}
            for one in losses
            if one.name in others
        }
    return result


def decoder_lines(sampled: dict[str, Any]) -> dict[str, Any]:
    """For people: a line for each decoder."""
    lines = {key: value for key, value in sampled.items() if key != "decoders"}
    for name, one in sampled.get("decoders", {}).items():
        loss, error, theory = (readable(one[key]) for key in ("loss", "standard_error", "theory"))
        lines[name] = f"{loss} ± {error}  (symmetric weights, n_sparse → ∞: {theory})"
    return lines


def write_weights(weights: Weights, path: Path) -> None:
    """W_in, W_out and b as safetensors. Raises WeightsError (memory), OSError."""
    from rugtui.models.constructions import dense
    from rugtui.storage.files import write_whole
    from rugtui.storage.snapshot import weights_bytes

    write_whole(path, weights_bytes(dense(weights)))


def write_picture(weights: Weights, path: Path) -> None:
    """W in the colours of the dashboard: a pixel for each entry, or block means of a large W."""
    import numpy as np
    from PIL import Image

    from rugtui.models.base import Window
    from rugtui.storage.files import write_whole
    from rugtui.storage.heatmap import png_bytes
    from rugtui.tui.charts.palette import DIAGONAL, HALF_LEVELS, LIGHT
    from rugtui.tui.heatmap.shading import still

    side, window = min(weights.n_sparse, PICTURE_SIDE), Window.whole(weights.n_sparse)
    levels = still(weights.pooled(window, side, side), window)
    colours = [LIGHT.level(level) for level in range(-HALF_LEVELS, DIAGONAL + 1)]
    pixels = np.array(colours, np.uint8)[levels + HALF_LEVELS]
    write_whole(path, png_bytes(Image.fromarray(pixels)))
