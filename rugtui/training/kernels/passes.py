"""The compiled passes of a step over a batch: sampling, transposing, and from the outputs of a ReLU
to the gradient at its pre-activation.

A sparse matrix is a triple (starts, columns, values) in compressed rows: row i has values[k] in
columns[k] for starts[i] ≤ k < starts[i + 1]. Each pass is done by one thread: at (2048, 512) all of
them together take a twentieth of the step.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from rugtui.training.kernels.compiler import compiled, inlined

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]
CHUNK = 512
"""Random words that are drawn together, by vector instructions, and then used one by one."""


def _trailing_zeros(typing_context: Any, word: Any) -> Any:
    from llvmlite import ir

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


_lowest_bit: Any = intrinsic(_trailing_zeros)
"""The index of the lowest set bit of a word that is not 0."""


@inlined
def _random_word(counter):
    """SplitMix64 (Steele, Lea and Flood 2014): a random word for each counter."""
    x = (counter ^ (counter >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@inlined
def _logarithms(u, out):
    """log u of positive float64, to 1e-13, by vector instructions, which library calls do not use.
    With u = m 2^e and s = (m − 1)/(m + 1), log m = 2 artanh s."""
    bits, mantissa = u.view(np.int64), out.view(np.int64)
    for t in range(u.size):
        mantissa[t] = (bits[t] & 0x000FFFFFFFFFFFFF) | 0x3FF0000000000000  # m in [1, 2)
    for t in range(u.size):
        m, exponent = out[t], np.float64((bits[t] >> 52) - 1023)
        above = m > 1.4142135623730951
        m = 0.5 * m if above else m
        exponent += 1.0 if above else 0.0
        s = (m - 1.0) / (m + 1.0)
        q = s * s
        series = 1 / 11 + q * (1 / 13 + q * (1 / 15 + q * (1 / 17)))
        series = 1.0 + q * (1 / 3 + q * (1 / 5 + q * (1 / 7 + q * (1 / 9 + q * series))))
        out[t] = 2.0 * s * series + exponent * 0.6931471805599453


@compiled
def sample_sparse(seed, step, p, n_sparse, x):
    """Fills x with samples: each cell is on with probability p, its value uniform on [0, 1).

    The distances between active cells are geometric (section 10): ⌊log u / log(1 − p)⌋ + 1. Word k
    of the stream, that of the counter seed + k · step, makes a distance of 40 bits and a value of
    24. Returns the number of active cells, or −1 if the arrays are too short for them.
    """
    starts, columns, values = x
    batch = starts.size - 1
    cells = np.int64(batch) * n_sparse
    per_log = 1.0 / np.log1p(-p)
    words, u, gaps = np.empty(CHUNK, np.uint64), np.empty(CHUNK), np.empty(CHUNK)
    count, place, row, end = 0, np.int64(-1), 0, np.int64(n_sparse)
    counter = seed
    starts[0] = 0
    while True:
        for t in range(CHUNK):
            word = _random_word(counter + np.uint64(t) * step)
            words[t] = word
            u[t] = (np.float64(np.int64(word >> np.uint64(24))) + 0.5) * 2.0**-40
        counter += np.uint64(CHUNK) * step
        _logarithms(u, gaps)
        for t in range(CHUNK):
            gaps[t] = min(gaps[t] * per_log, np.float64(cells))
        for t in range(CHUNK):
            place += np.int64(gaps[t]) + 1
            while place >= end:
                row += 1
                starts[row] = count
                end += n_sparse
                if row == batch:
                    return count
            if count == columns.size:
                return -1
            columns[count] = place - (end - n_sparse)
            values[count] = np.float64(np.int64(words[t] & np.uint64(0xFFFFFF))) * 2.0**-24
            count += 1


@compiled
def sample_filled(seed, step, p, out):
    """The same distribution in all cells of the flat `out`, each from 32 random bits: for large p.

    With u uniform on [0, 1), max(0, (u − (1 − p))/p) is c · uniform: u is above 1 − p with
    probability p, and then uniform between 1 − p and 1.
    """
    for k in range(out.size):
        word = _random_word(seed + np.uint64(k) * step)
        u = (np.float64(np.int64(word >> np.uint64(32))) + 0.5) * 2.0**-32
        out[k] = max(0.0, (u - (1.0 - p)) / p)


@compiled
def transpose(x, turned):
    """Fills `turned` with the transpose of x, by a counting sort."""
    starts, columns, values = x
    out_starts, out_columns, out_values = turned
    width = out_starts.size - 1
    out_starts[:] = 0
    for k in range(starts[-1]):
        out_starts[columns[k] + 1] += 1
    for j in range(width):
        out_starts[j + 1] += out_starts[j]
    for i in range(starts.size - 1):
        for k in range(starts[i], starts[i + 1]):
            j = columns[k]
            place = out_starts[j]
            out_columns[place] = i
            out_values[place] = values[k]
            out_starts[j] = place + 1
    for j in range(width, 0, -1):
        out_starts[j] = out_starts[j - 1]
    out_starts[0] = 0


@compiled
def add_sparse(out, x, factor):
    """out += factor · x."""
    starts, columns, values = x
    for i in range(starts.size - 1):
        for k in range(starts[i], starts[i + 1]):
            out[i, columns[k]] += factor * values[k]


@inlined
def _subtract_targets(y, x, i, importance):
    """Turns the outputs y of sample i into y − x where y has a gradient; returns the loss of the
    targets where it has none. Without branches, which would be unpredictable."""
    starts, columns, values = x
    missed = 0.0
    for k in range(starts[i], starts[i + 1]):
        j, target = columns[k], values[k]
        on = importance.dtype.type(y[j] > 0)
        y[j] -= on * target
        missed += (1 - on) * importance[j] * target * target
    return missed


@compiled
def sparse_gradient(y, x, importance, scale, most, g, bias_gradient):
    """From the outputs y of a ReLU to the gradient at its pre-activation where y is positive:
    g = scale · importance · (y − x), in compressed rows, and Σ g by columns.

    Returns how many rows were processed, all of them unless more than `most` cells are active; the
    summed loss of these rows where y is active; and that of the targets where it is not. The rows
    of y are then y − x where y is active. g must have room for `most` cells and a row.

    Vector instructions turn a row into bytes of 0 or 1; one product turns eight bytes into eight
    bits, and of 64 bits only the set ones are visited: 0.19 ms, and 0.55 with a store per cell, at
    (1,024, 512) with 9 % active.
    """
    starts, columns, values = g
    batch, n_sparse = y.shape
    on = np.zeros(-(-n_sparse // 64) * 64, np.bool_)
    eights = on.view(np.uint64)
    loss, missed, count = 0.0, 0.0, 0
    bias_gradient[:] = 0
    starts[0] = 0
    for i in range(batch):
        row = y[i]
        missed += _subtract_targets(row, x, i, importance)
        for j in range(n_sparse):
            on[j] = row[j] != 0
        for block in range(0, eights.size, 8):
            bits = np.uint64(0)
            for byte in range(8):
                eight = (eights[block + byte] * np.uint64(0x0102040810204080)) >> np.uint64(56)
                bits |= eight << np.uint64(8 * byte)
            while bits != 0:
                j = 8 * block + np.int64(_lowest_bit(bits))
                bits &= bits - np.uint64(1)
                residual = row[j]
                slope = importance[j] * residual
                loss += slope * residual
                slope *= scale
                columns[count] = j
                values[count] = slope
                bias_gradient[j] += slope
                count += 1
        starts[i + 1] = count
        if count > most:
            return i + 1, loss, missed
    return batch, loss, missed


@compiled
def dense_gradient(y, x, done, importance, bias_gradient):
    """The same in all cells, without `scale`: turns y into importance · (y − x) where it is
    positive, sums that by columns, and returns the summed loss. The first `done` rows are already
    y − x, and the loss of their targets where y is not active is not counted again."""
    loss = 0.0
    bias_gradient[:] = 0
    for i in range(y.shape[0]):
        row = y[i]
        if i >= done:
            loss += _subtract_targets(row, x, i, importance)
        for j in range(row.size):
            residual = row[j]
            slope = importance[j] * residual
            loss += slope * residual
            row[j] = slope
            bias_gradient[j] += slope
    return loss


@compiled
def filled_gradient(y, x, importance, bias_gradient):
    """`dense_gradient` of targets in all cells."""
    loss = 0.0
    bias_gradient[:] = 0
    for i in range(y.shape[0]):
        row, target = y[i], x[i]
        for j in range(row.size):
            residual = row[j] - target[j]
            slope = importance[j] * residual
            loss += slope * residual
            slope = slope if row[j] > 0 else importance.dtype.type(0)
            row[j] = slope
            bias_gradient[j] += slope
    return loss


def prepare() -> None:
    """Compile the passes for float32, or load them from disk: a third of a second for each process,
    and three seconds the first time on a machine."""
    arrays = np.zeros(2, np.int32), np.zeros(9, np.int32), np.zeros(9, np.float32)
    y, one, seed = np.zeros((1, 1), np.float32), np.ones(1, np.float32), np.uint64(1)
    sample_sparse(seed, seed, 0.5, 1, arrays)
    sample_filled(seed, seed, 0.5, one.copy())
    transpose(arrays, tuple(part.copy() for part in arrays))
    add_sparse(y, arrays, 1.0)
    sparse_gradient(y, arrays, one, 1.0, 1, tuple(part.copy() for part in arrays), one.copy())
    dense_gradient(y, arrays, 0, one, one.copy())
    filled_gradient(y, y.copy(), one, one.copy())
