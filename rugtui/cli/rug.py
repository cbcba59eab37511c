"""`rugtui rug`: builds forward-engineered weights and computes their losses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from rugtui.cli.options import RATIO, PathOption, declared_option, given_settings
from rugtui.cli.output import emit, json_option, readable
from rugtui.errors import UsageError
from rugtui.settings.settings import Construction, Settings, declared

if TYPE_CHECKING:
    import torch

    from rugtui.models.base import Weights
    from rugtui.models.structured import Tune

CELLS = 1 << 18
"""Entries of x in a batch: a megabyte, so that intermediate results stay in the cache."""
PICTURE = 1024
"""Largest side of the picture in pixels."""
SAMPLES = 1024
"""Samples for --decoder without --samples."""
DECODERS = "relu, linear, jumprelu, topk, elementwise, oracle"


@click.command(name="rug")
@declared_option(declared("n_sparse"))
@declared_option(declared("n_dense"))
@click.option("--ratio", type=float, metavar="FLOAT", help=RATIO)
@declared_option(declared("p"))
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
    help="What a and b are best for: theory at large n_sparse, or the exact loss at this size.  "
    "[theory; exact for best]",
)
@click.option("--samples", type=click.IntRange(2), help="Also sample the loss, this many times.")
@click.option(
    "--decoder",
    "decoder_names",
    multiple=True,
    metavar="NAME",
    help=f"Sample other decoders too: {DECODERS}, or all. May be given again.",
)
@click.option(
    "--save",
    type=PathOption("output"),
    help="Write W_in, W_out and b to this .safetensors file.",
)
@click.option(
    "--picture",
    type=PathOption("output"),
    help="Write a picture of W to this .png file.",
)
@declared_option(declared("seed"))
@declared_option(declared("device"))
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

    W is engineered, not trained: rows of a Hadamard matrix, or another construction, with its best
    a and b. A rug takes the memory of one vector, so that millions of features fit.
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
        result["parts"] = "; ".join(map(str, built.parts))
    if save is not None:
        write(weights, save)
    if picture is not None:
        draw(weights, picture)
    if samples or decoder_names:
        sampled = sample_losses(weights, settings, samples or SAMPLES, decoder_names, device)
        result |= sampled if as_json else flattened(sampled)
    emit(result, as_json, old_names="rug")


def sample_losses(
    weights: Weights,
    settings: Settings,
    samples: int,
    decoder_names: tuple[str, ...],
    device: torch.device,
) -> dict[str, Any]:
    """The sampled loss of the model and of each decoder, with the predicted one."""
    import torch

    from rugtui.live.loss_sampler import STREAM
    from rugtui.models.decoders import DECODERS, sampled
    from rugtui.training.data import chunks

    others = tuple(DECODERS) if "all" in decoder_names else decoder_names
    names = list(dict.fromkeys(("relu", *others)))
    generator = torch.Generator(device).manual_seed(settings.seed ^ STREAM)
    batches = chunks(settings.n_sparse, settings.p, samples, generator=generator, cells=CELLS)
    dense = (cells.dense() for cells in batches)
    found = sampled(weights, settings.p, dense, names, device=device)
    result: dict[str, Any] = {
        "loss_sampled": found[0].loss,
        "loss_sampled_standard_error": found[0].standard_error,
        "samples": samples,
    }
    if others:
        result["decoders"] = {
            one.name: {
                "loss": one.loss,
                "standard_error": one.standard_error,
                "theory": one.theory,
            }
            for one in found
            if one.name in others
        }
    return result


def flattened(sampled: dict[str, Any]) -> dict[str, Any]:
    """For people: a line for each decoder."""
    lines = {key: value for key, value in sampled.items() if key != "decoders"}
    for name, known in sampled.get("decoders", {}).items():
        loss, error, theory = (readable(known[key]) for key in ("loss", "standard_error", "theory"))
        lines[name] = f"{loss} ± {error}  (symmetric weights, n_sparse → ∞: {theory})"
    return lines


def write(weights: Weights, path: Path) -> None:
    """W_in, W_out and b as safetensors. Raises WeightsError (memory) and UsageError."""
    from rugtui.models.constructions import dense
    from rugtui.storage.snapshot import weights_bytes

    store(path, ".safetensors", weights_bytes(dense(weights)))


def draw(weights: Weights, path: Path) -> None:
    """W in the colours of the dashboard, one pixel per entry, or block means if that is too
    large."""
    import numpy as np
    from PIL import Image

    from rugtui.models.base import Window
    from rugtui.storage.heatmap import png_bytes
    from rugtui.tui.charts.palette import DIAGONAL, HALF_LEVELS, LIGHT
    from rugtui.tui.heatmap.shading import still

    n = weights.n_sparse
    side = min(n, PICTURE)
    window = Window.whole(n)
    levels = still(weights.pooled(window, side, side), window)
    colours = [LIGHT.level(level) for level in range(-HALF_LEVELS, DIAGONAL + 1)]
    pixels = np.array(colours, np.uint8)[levels + HALF_LEVELS]
    store(path, ".png", png_bytes(Image.fromarray(pixels)))


def store(path: Path, suffix: str, content: bytes) -> None:
    """Write a requested file. Raises UsageError, OSError."""
    from rugtui.storage.files import write_whole

    if path.suffix != suffix:
        raise UsageError(f"It is written as {suffix}, but {path} is not named so.")
    try:
        write_whole(path, content)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from error
