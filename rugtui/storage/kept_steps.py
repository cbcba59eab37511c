"""Weights of a run at a few steps, evenly spaced in log step, in half precision: for the replay.

Steps fall into bins of equal width in log step, and the first step of each bin is kept. As the run
grows, bins are merged in pairs, so that there are at most MOST. Thinning repeatedly therefore
leaves the same steps as thinning all of them once.
"""

from __future__ import annotations

import errno
import math
import re
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rugtui.errors import DamagedError
from rugtui.models.dense import Dense
from rugtui.settings.settings import Settings
from rugtui.storage import tensors
from rugtui.storage.files import make_folder, write_whole
from rugtui.training.failure import is_out_of_memory

FOLDER = "kept"
"""In a run's folder."""
MOST, BYTES = 64, 256 << 20
"""Limits on the kept steps of a run, and on the size of their files together."""
LEAST = 4
"""Keep none if these limits allow fewer than this: too few for a replay."""
WAITING = 64 << 20
"""Bytes of weights that may wait in memory for the next save; one step may be larger."""
HEADER, BLOCK = 1024, 4096
"""Approximate bytes of a file besides its weights, and of a disk block."""
FINEST = 4
"""Bins per factor of two at most, so that a short run does not spend its time on copies."""
NAMES: tuple[str, ...] = "W_in", "W_out", "b", "extra"
"""Names of `Dense.arrays` in a file; W_out is left out if it is the transpose of W_in."""
NAME = re.compile(r"(\d{8,18})\.safetensors")


@dataclass(frozen=True, slots=True)
class KeptChange:
    """What a save does to the files: which steps to leave there, and the weights of new ones."""

    steps: tuple[int, ...]
    weights: Mapping[int, Dense]


class KeptSteps:
    """The kept steps of a run in training. Weights wait in memory until another thread saves
    them."""

    def __init__(self, settings: Settings, steps: Sequence[int] = ()) -> None:
        self._bytes = size_of(settings)
        self.most = most_steps(settings)
        self.steps: tuple[int, ...] = tuple(steps)
        self._waiting: dict[int, Dense] = {}
        self._lock = threading.Lock()
        self._plan(self.steps[-1] if self.steps else -1)

    def _plan(self, newest: int) -> None:
        """Determine the next step to keep, after the newest."""
        self._next = newest + 1
        if self.steps and self.most >= LEAST:
            self._next = next_step(self.steps[-1], newest + 1, self.most)

    def wants(self, step: int) -> bool:
        """Whether to keep the weights of this step, the newest. Cheap: asked after every step."""
        return step >= self._next and self.most >= LEAST and self._has_room

    @property
    def _has_room(self) -> bool:
        return not self._waiting or (len(self._waiting) + 1) * self._bytes <= WAITING

    def keep(self, step: int, copy: Callable[[], Dense]) -> None:
        """Keep a copy of the weights, in half precision on the CPU, if there is memory for it, and
        drop steps that are too many by now."""
        try:
            self._hold(thinned((*self.steps, step), self.most), {step: copy()})
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        self._plan(step)

    def forget_after(self, step: int) -> None:
        """Drop later steps: training went back to this one."""
        self._hold(tuple(one for one in self.steps if one <= step), {})
        self._plan(step)

    def _hold(self, steps: tuple[int, ...], more: Mapping[int, Dense]) -> None:
        with self._lock:
            waiting = {**self._waiting, **more}
            self.steps = steps
            self._waiting = {one: kept for one, kept in waiting.items() if one in steps}

    def change(self) -> KeptChange:
        """What the next save has to do."""
        with self._lock:
            return KeptChange(self.steps, dict(self._waiting))

    def saved(self, change: KeptChange) -> None:
        """These weights are on disk, and need not wait any longer."""
        with self._lock:
            for step, weights in change.weights.items():
                if self._waiting.get(step) is weights:
                    del self._waiting[step]

    def read(self, run: Path | None, step: int) -> Dense:
        """The weights of one of the steps. Raises OSError, DamagedError, RunError."""
        if weights := self._waiting.get(step):
            return weights
        if run is None:
            raise FileNotFoundError(step)
        return read_kept(run, step)


def write_kept(run: Path, change: KeptChange) -> None:
    """Bring the files of a run's kept steps up to date. Raises OSError, also if they would take
    more than half of the free space, which checkpoints need."""
    folder = make_folder(run / FOLDER)
    for step in set(kept_steps(run)) - set(change.steps):
        kept_path(run, step).unlink(missing_ok=True)
    taken = sum(512 * path.stat().st_blocks for path in folder.iterdir())
    room = (shutil.disk_usage(folder).free - taken) // 2
    for step, weights in change.weights.items():
        named = dict(zip(NAMES, weights.arrays(), strict=False))
        if weights.tied:
            del named["W_out"]
        facts = {"kind": "kept", "step": step}
        size = HEADER + sum(part.nbytes for part in named.values())
        room -= -(-size // BLOCK) * BLOCK
        if room < 0:
            raise OSError(errno.ENOSPC, "they would take more than half of the free space")
        write_whole(kept_path(run, step), *tensors.pieces(named, facts), durable=False)


def kept_steps(run: Path) -> tuple[int, ...]:
    """The steps whose weights are kept, ascending; none if the folder cannot be read."""
    try:
        found = [NAME.fullmatch(path.name) for path in (run / FOLDER).iterdir()]
    except OSError:
        return ()
    return tuple(sorted(int(match[1]) for match in found if match))


def kept_path(run: Path, step: int) -> Path:
    return run / FOLDER / f"{step:08d}.safetensors"


def read_kept(run: Path, step: int) -> Dense:
    """The weights of a kept step, in half precision. Raises OSError, DamagedError, RunError."""
    path = kept_path(run, step)
    found, _ = tensors.read(path)
    try:
        W_in, b = found["W_in"], found["b"]
    except KeyError as error:
        raise DamagedError(path, f"it has no {error}") from error
    return Dense(W_in, found.get("W_out", W_in.T), b, found.get("extra"))


def size_of(settings: Settings) -> int:
    """Approximate bytes of the file of one step."""
    matrices = 1 if settings.tied else 2
    return 2 * settings.n_sparse * (matrices * settings.n_dense + 1) + HEADER


def most_steps(settings: Settings) -> int:
    """How many steps may be kept."""
    return min(MOST, BYTES // size_of(settings))


def thinned(steps: Sequence[int], most: int) -> tuple[int, ...]:
    """The first of ascending steps in each bin, at most `most` of them."""
    width = bins_per_octave(steps[-1], most) if steps else 1.0
    firsts: dict[int, int] = {}
    for step in steps:
        firsts.setdefault(_bin(step, width), step)
    return tuple(firsts.values())


def next_step(last: int, step: int, most: int) -> int:
    """The first step from `step` on in a later bin than `last`, with the bins of a run that ends
    there."""
    while True:
        per_octave = bins_per_octave(step, most)
        here = _bin(last, per_octave)
        if _bin(step, per_octave) > here:
            return step
        step = max(step + 1, math.floor(2.0 ** ((here + 1) / per_octave)))


def bins_per_octave(last: int, most: int) -> float:
    """The largest power of two with which a run of `last` steps has at most `most` bins."""
    per_octave = float(FINEST)
    while _count(last, per_octave) > most:
        per_octave /= 2
    return per_octave


def _count(last: int, per_octave: float) -> int:
    """The number of bins that contain one of the steps 0 … last; step 0 has its own."""
    # from this step on no bin is narrower than a step; before it, each step has its own
    narrow = math.ceil(1 / math.expm1(min(math.log(2) / per_octave, 700.0)))
    if last <= narrow:
        return 1 + last
    return 1 + narrow + _bin(last, per_octave) - _bin(narrow, per_octave)


def _bin(step: int, per_octave: float) -> int:
    return math.floor(per_octave * math.log2(step)) if step else -1
