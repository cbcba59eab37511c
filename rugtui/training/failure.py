"""What can stop a valid run, divergence and lack of memory, and what to do about it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rugtui.errors import TrainingError, UsageError
from rugtui.models.base import gib, is_power_of_two
from rugtui.runtime.machine import available_memory, used_memory
from rugtui.settings.settings import EXTRA, GROUPED, OF_AUTOENCODERS, Settings
from rugtui.training.kernels.plan import FullMatrixPath, sparse_data

if TYPE_CHECKING:
    import torch

OPTIMIZER_TENSORS = {"adam": 2, "adamw": 2, "sgd": 1}
"""State tensors per parameter in each optimizer."""
STATE_COPIES = 3
"""Additional copies of the parameters and optimizer state: the fallback, one that is being written,
and one that waits to be written."""
DASHBOARD_COPIES, UNEVEN_DASHBOARD_COPIES = 5, 8
"""Copies of W_in and W_out that a dashboard may hold at once: for the statistics, the picture,
their products, a snapshot that is being written, and the rug, which needs more unless it is a
Hadamard rug. Measured at n_sparse 4,096: 4.3 at n_dense 1,024 and 512; 7.7 at (3000, 1500)."""
BATCH_COPIES, SLOPED_COPIES, FULL_COPIES, AUTOGRAD_COPIES = 3, 8, 6, 13
"""Arrays of batch × n_sparse: pre-activations of two steps, and the data or held-out outputs; those
of a fixed activation other than ReLU, with its slopes; those with dense data; those of autograd."""
BYTES_PER_ACTIVE_ENTRY = 36
"""Bytes of an active entry: index and value, by row and by column, with a reserve."""
OUT_OF_MEMORY_MESSAGES = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "bad_alloc",
    "create a memory",
)
"""What PyTorch, the C++ library and oneDNN say when memory is short."""


class Diverged(TrainingError):  # noqa: N818 - a state that a run can be in
    """The loss is NaN or exploded. The weights are those of `kept_step`."""

    def __init__(self, step: int, loss: float, kept_step: int, suggestion: str) -> None:
        self.step, self.loss, self.kept_step, self.suggestion = step, loss, kept_step, suggestion
        super().__init__(
            f"Training diverged by step {step:,} (loss {loss:.3g}); the weights are back at step "
            f"{kept_step:,}: {suggestion}."
        )


class OutOfMemory(TrainingError):  # noqa: N818 - likewise
    """The run does not fit in the device's memory. The state is that of the last complete step."""

    def __init__(self, settings: Settings, budget: MemoryBudget, *, foreseen: bool = False) -> None:
        """`foreseen`: found before training began, from the settings alone."""
        available, screen = budget.available, budget.screen
        self.exit_code = UsageError.exit_code if foreseen else self.exit_code
        self.needed = needed_memory(settings, screen=screen)
        self.batch = largest_batch(settings, available, screen=screen)
        smaller = "choose a smaller n_sparse or n_dense"
        cure = f"batch {self.batch:,} fits" if self.batch else smaller
        super().__init__(
            f"Training at batch {settings.batch:,} needs about {gib(self.needed)} on "
            f"{budget.device}, but only {gib(available)} are available; {cure}."
        )


def needed_memory(settings: Settings, *, screen: bool = False) -> int:
    """Bytes, roughly, that training needs; with `screen`, including the dashboard's share."""
    return _fixed(settings, screen) + settings.batch * _per_sample(settings)


def largest_batch(settings: Settings, available: int, *, screen: bool = False) -> int:
    """The largest power of two below the settings' batch that fits in `available` bytes, or 0."""
    fits = (available - _fixed(settings, screen)) // _per_sample(settings)
    fits = min(fits, settings.batch - 1)
    return 1 << (int(fits).bit_length() - 1) if fits > 0 else 0


class MemoryBudget:
    """The memory available to a run: what it uses already, and what is free."""

    def __init__(self, device: torch.device, *, screen: bool = False) -> None:
        """`screen`: include the dashboard's share."""
        self.device, self.screen, self._before = device, screen, _used(device)

    @property
    def available(self) -> int:
        """Bytes."""
        return _free(self.device) + max(0, _used(self.device) - self._before)

    def require(self, settings: Settings) -> None:
        """Raises OutOfMemory if a run will not fit: the operating system may grant memory that it
        does not have, and then kill the process."""
        if needed_memory(settings, screen=self.screen) > self.available:
            raise OutOfMemory(settings, self, foreseen=True)

    @contextmanager
    def reported(self, settings: Settings) -> Iterator[None]:
        """Raises OutOfMemory for whatever PyTorch and NumPy raise when an allocation fails."""
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise OutOfMemory(settings, self) from error


def is_out_of_memory(error: MemoryError | RuntimeError) -> bool:
    """Whether an allocation failed; torch.OutOfMemoryError is a RuntimeError."""
    known = any(message in str(error) for message in OUT_OF_MEMORY_MESSAGES)
    return known or isinstance(error, MemoryError)


def _free(device: torch.device) -> int:
    if device.type == "cuda":
        import torch

        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return available_memory()


def _used(device: torch.device) -> int:
    if device.type == "cuda":
        import torch

        return torch.cuda.memory_allocated(device)
    return used_memory()


def _fixed(settings: Settings, screen: bool) -> int:
    memories = OPTIMIZER_TENSORS["adam" if settings.method == "population" else settings.optimizer]
    # parameters, gradient, optimizer; the same again for each copy; and a gradient being added
    copies = 2 + memories + STATE_COPIES * (1 + memories) + 0.5
    matrices = 1 if settings.tied else 2
    vectors = settings.bias + len(EXTRA.get(settings.activation, ()))
    parameters = settings.n_sparse * (matrices * settings.n_dense + vectors)
    numbers = copies * parameters
    if screen:
        shown = DASHBOARD_COPIES if is_power_of_two(settings.n_sparse) else UNEVEN_DASHBOARD_COPIES
        numbers += shown * 2 * settings.n_sparse * settings.n_dense
    # the n_sparse × n_sparse matrix that a dense step may use
    full = settings.method == "sgd" and not sparse_data(settings) and settings.matmul != "bf16"
    squares = FullMatrixPath.of(settings.n_sparse, settings.n_dense, settings.batch if full else 0)
    numbers += settings.n_sparse**2 if squares.backward else 0
    return math.ceil(_bytes(settings) * numbers)


def _per_sample(settings: Settings) -> int:
    n_sparse, n_dense = settings.n_sparse, settings.n_dense
    full = not sparse_data(settings)
    copies = FULL_COPIES if full else BATCH_COPIES
    if settings.activation != "relu":
        copies = AUTOGRAD_COPIES if settings.activation in OF_AUTOENCODERS else SLOPED_COPIES + full
    if settings.data in GROUPED or settings.p_decay:  # coins and magnitudes apart
        copies += 3
    cells = _bytes(settings) * (copies * n_sparse + 3 * n_dense)
    return cells + (0 if full else math.ceil(BYTES_PER_ACTIVE_ENTRY * settings.p_on * n_sparse))


def _bytes(settings: Settings) -> int:
    return 8 if settings.dtype == "float64" else 4
