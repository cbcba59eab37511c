"""Weights of a run at a few steps, evenly spaced in log step, in half precision: for the replay.

Steps fall into bins of equal width in log step. The first step of each bin stays; as the run grows
the bins become twice as wide, so that there are never more than MOST. Bins of a longer run are
unions of those of a shorter one: what has been thinned again and again is exactly what would be
left of all steps thinned once.
"""

from __future__ import annotations

import errno
import math
import re
import shutil
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rugtui.errors import DamagedError
from rugtui.models.dense import Dense
from rugtui.settings.settings import Settings
from rugtui.storage import tensors
from rugtui.storage.files import make_folder, write_whole

FOLDER = "kept"
"""In a run's folder."""
MOST, BYTES = 64, 256 << 20
"""Steps of one run that are kept, and the size of their files together."""
LEAST = 4
"""Where not even so many may be kept, none are: they would be no replay."""
WAITING = 64 << 20
"""Bytes of weights that may wait for the next save; one of any size may."""
HEADER, BLOCK = 1024, 4096
"""Bytes of a file beside its weights, about, and those of a disk of which files take whole
multiples."""
FINEST = 4
"""Bins in a factor of two, at most: a short run, too, is to spend its time on training."""
NAMES: tuple[str, ...] = "W_in", "W_out", "b", "extra"
"""Of `Dense.arrays` in a file, which has W_out only where it is not W_in's transpose."""
NAME = re.compile(r"(\d{8,18})\.safetensors")


@dataclass(frozen=True, slots=True)
class KeptChange:
    """What a save does to a run's kept steps: those to be there, and the weights not yet there."""

    steps: tuple[int, ...]
    weights: Mapping[int, Dense]


class KeptSteps:
    """The kept steps of a run in training. Weights wait in memory for the next save, which another
    thread writes."""

    def __init__(self, settings: Settings, steps: Sequence[int] = ()) -> None:
        self._bytes = size_of(settings)
        self.most = most_steps(settings)
        self.steps: tuple[int, ...] = tuple(steps)
        self._waiting: dict[int, Dense] = {}
        self._lock = threading.Lock()
        self._plan(self.steps[-1] if self.steps else -1)

    def _plan(self, newest: int) -> None:
        """Find out which step after the newest is the next to keep."""
        self._next = newest + 1
        if self.steps and self.most >= LEAST:
            self._next = next_step(self.steps[-1], newest + 1, self.most)

    def wants(self, step: int) -> bool:
        """Whether the weights of this step, the newest, are to be kept. Cheap: asked every step."""
        return step >= self._next and self.most >= LEAST and self._has_room

    @property
    def _has_room(self) -> bool:
        return not self._waiting or (len(self._waiting) + 1) * self._bytes <= WAITING

    def keep(self, step: int, weights: Dense) -> None:
        """Keep these, of half precision and on the CPU, and let go of what is too many by now."""
        self._hold(thinned((*self.steps, step), self.most), {step: weights})
        self._plan(step)

    def skip(self, step: int) -> None:
        """Do without the weights of this step."""
        self._plan(step)

    def forget_after(self, step: int) -> None:
        """Training continues from this step: later kept steps are no longer part of the run."""
        self._hold(tuple(one for one in self.steps if one <= step), {})
        self._plan(step)

    def _hold(self, steps: tuple[int, ...], more: Mapping[int, Dense]) -> None:
        with self._lock:
            waiting = {**self._waiting, **more}
            self.steps = steps
            self._waiting = {one: kept for one, kept in waiting.items() if one in steps}

    def change(self) -> KeptChange:
        """For the next save."""
        with self._lock:
            return KeptChange(self.steps, dict(self._waiting))

    def saved(self, change: KeptChange) -> None:
        """These are on disk, and need not wait any more."""
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
    """Bring the files of a run's kept steps up to date. Raises OSError, also where they would take
    more than half of the space that is free: checkpoints come first."""
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
    """The steps whose weights are kept, ascending; none where nothing can be read."""
    try:
        found = [NAME.fullmatch(path.name) for path in (run / FOLDER).iterdir()]
    except OSError:
        return ()
    return tuple(sorted(int(match[1]) for match in found if match))


def kept_path(run: Path, step: int) -> Path:
    return run / FOLDER / f"{step:08d}.safetensors"


def read_kept(run: Path, step: int) -> Dense:
    """The weights of a kept step as they were kept. Raises OSError, DamagedError, RunError."""
    path = kept_path(run, step)
    found, _ = tensors.read(path)
    try:
        W_in, b = found["W_in"], found["b"]
    except KeyError as error:
        raise DamagedError(path, f"it has no {error}") from error
    return Dense(W_in, found.get("W_out", W_in.T), b, found.get("extra"))


def size_of(settings: Settings) -> int:
    """Bytes of one step's file, roughly."""
    matrices = 1 if settings.tied else 2
    return 2 * settings.n_sparse * (matrices * settings.n_dense + 1) + HEADER


def most_steps(settings: Settings) -> int:
    """How many steps may be kept."""
    return min(MOST, BYTES // size_of(settings))


def thinned(steps: Sequence[int], most: int) -> tuple[int, ...]:
    """Of ascending steps those that stay, `most` of them at most: the first in each bin."""
    width = bins_per_octave(steps[-1], most) if steps else 1.0
    firsts: dict[int, int] = {}
    for step in steps:
        firsts.setdefault(_bin(step, width), step)
    return tuple(firsts.values())


def next_step(last: int, step: int, most: int) -> int:
    """From `step` on, the first that has a bin of its own after that of `last`, the run being that
    long by then."""
    while True:
        per_octave = bins_per_octave(step, most)
        here = _bin(last, per_octave)
        if _bin(step, per_octave) > here:
            return step
        step = max(step + 1, math.floor(2.0 ** ((here + 1) / per_octave)))


def bins_per_octave(last: int, most: int) -> float:
    """A power of two, as large as leaves room for all bins of a run of `last` steps."""
    per_octave = float(FINEST)
    while _count(last, per_octave) > most:
        per_octave /= 2
    return per_octave


def _count(last: int, per_octave: float) -> int:
    """Bins of the steps 0 … last that hold any: step 0 has one of its own."""
    # from here on no bin is narrower than a step; before, each step has its own
    narrow = math.ceil(1 / math.expm1(min(math.log(2) / per_octave, 700.0)))
    if last <= narrow:
        return 1 + last
    return 1 + narrow + _bin(last, per_octave) - _bin(narrow, per_octave)


def _bin(step: int, per_octave: float) -> int:
    return math.floor(per_octave * math.log2(step)) if step else -1
