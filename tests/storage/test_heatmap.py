"""The PNG of W, read back pixel by pixel with independent code."""

import json
import struct
import zlib

import numpy as np
import pytest
import torch

from rugtui.errors import WeightsError
from rugtui.models.dense import Dense
from rugtui.storage import heatmap
from rugtui.storage.heatmap import Colours, heatmap_png, off_diagonal_scale

COLOURS = Colours(
    [(k, k, k) for k in range(17)], diagonal=(1, 2, 3), paper=(255, 255, 255), ink=(9, 9, 9)
)


def some_weights(n=40, n_dense=10):
    generator = torch.Generator().manual_seed(0)
    W = torch.randn(n_dense, n, generator=generator) / n_dense**0.5
    return Dense(W, W.T.contiguous(), torch.zeros(n))


def read_png(content):
    """(pixels as RGB, text chunks) of an indexed picture without filters."""
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    place, chunks = 8, {}
    while place < len(content):
        (length,) = struct.unpack_from(">I", content, place)
        name = content[place + 4 : place + 8]
        body = content[place + 8 : place + 8 + length]
        (check,) = struct.unpack_from(">I", content, place + 8 + length)
        assert check == zlib.crc32(name + body)
        chunks[name] = chunks.get(name, b"") + body
        place += 12 + length
    width, height = struct.unpack_from(">II", chunks[b"IHDR"])
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert not lines[:, 0].any()
    palette = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
    return palette[lines[:, 1:]], chunks


def test_every_cell_has_the_colour_of_its_value():
    weights = some_weights()
    pixels, _ = read_png(heatmap_png(weights, COLOURS, "trained"))
    factor = 13  # 512 / 40, rounded up
    assert pixels.shape[1] == 40 * factor
    W = weights.rows(np.arange(40))
    off = np.abs(W[~np.eye(40, dtype=bool)])
    scale = np.quantile(off, 0.99)
    cells = pixels[: 40 * factor : factor, ::factor]
    wanted = np.rint(np.clip(W / scale, -1, 1) * 8) + 8
    beyond = np.eye(40, dtype=bool) & (scale < W)
    assert beyond.any()
    np.testing.assert_array_equal(cells[~beyond][:, 0], wanted[~beyond])
    assert (cells[beyond] == (1, 2, 3)).all()
    np.testing.assert_array_equal(pixels[: 40 * factor], cells.repeat(factor, 0).repeat(factor, 1))


def test_bands_make_the_same_picture(monkeypatch):
    whole = heatmap_png(some_weights(), COLOURS, "x")
    monkeypatch.setattr(heatmap, "BAND", 7 * 40)
    assert (read_png(heatmap_png(some_weights(), COLOURS, "x"))[0] == read_png(whole)[0]).all()


def test_the_legend_has_every_colour_and_the_facts_are_inside():
    facts = json.dumps({"p": 0.1})
    pixels, chunks = read_png(heatmap_png(some_weights(), COLOURS, "trained step 3", facts))
    beneath = pixels[40 * 13 :].reshape(-1, 3)
    assert {tuple(colour) for colour in beneath.tolist()} == set(COLOURS.all)
    assert chunks[b"iTXt"].endswith(facts.encode())


def test_the_scale_of_many_rows_is_that_of_a_sample():
    weights = some_weights(2000, 50)
    W = weights.rows(np.arange(2000))
    off = np.abs(W[~np.eye(2000, dtype=bool)])
    assert off_diagonal_scale(weights) == pytest.approx(np.quantile(off, 0.99), rel=0.02)


def test_too_large_pictures_are_refused():
    weights = some_weights(20_000, 1)
    with pytest.raises(WeightsError, match="16,384 pixels on a side"):
        heatmap_png(weights, COLOURS, "")


def test_zeros_and_nan_have_the_middle_colour():
    weights = Dense(torch.full((1, 4), torch.nan), torch.zeros(4, 1), torch.zeros(4))
    pixels, _ = read_png(heatmap_png(weights, COLOURS, ""))
    assert (pixels[:512] == 8).all()


def test_the_title_is_legible_in_every_size():
    """The same letters beneath a picture of any size, larger beneath a larger one."""
    for n in (40, 1100):
        weights = some_weights(n)
        titled, untitled = (
            read_png(heatmap_png(weights, COLOURS, title))[0] for title in ("Wé", "")
        )
        changed = (titled != untitled).any(-1)
        size = max(1, titled.shape[1] // 512)
        assert 20 * size < changed.sum() < 400 * size**2
        assert not changed[: titled.shape[1]].any()
