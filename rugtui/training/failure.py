"""What can stop a run that was set up right, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rugtui.config import Settings
from rugtui.errors import TrainingError
from rugtui.weights.memory import available_memory

if TYPE_CHECKING:
    import torch

STATE_COPIES = 8
"""Parameters, gradient, two of Adam's, a spare of three, and what a product puts aside."""
BATCH_COPIES = 2
"""Pre-activations, and the data or the slope."""


class Diverged(TrainingError):  # noqa: N818 - a state that a run can be in
    """The loss is no number any more, or exploded. The weights are those of `kept_step`."""

    def __init__(self, step: int, loss: float, kept_step: int, suggestion: str) -> None:
        self.step, self.loss, self.kept_step, self.suggestion = step, loss, kept_step, suggestion
        super().__init__(
            f"Training diverged by step {step:,} (loss {loss:.3g}); the weights are back at step "
            f"{kept_step:,}: {suggestion}."
        )


class OutOfMemory(TrainingError):  # noqa: N818 - likewise
    """The device cannot hold the run. The state is that of the last whole step."""

    def __init__(self, settings: Settings, device: torch.device) -> None:
        there = free_memory(device)
        self.needed, self.batch = needed_memory(settings), largest_batch(settings, there)
        cure = f"batch {self.batch:,} fits" if self.batch else "take a smaller n_sparse or n_dense"
        super().__init__(
            f"Training at batch {settings.batch:,} needs about {self.needed / 2**30:.3g} GiB on "
            f"{device}, more than there is; {cure}."
        )


def needed_memory(settings: Settings) -> int:
    """Bytes, roughly, that training holds at once."""
    return _fixed(settings) + settings.batch * _per_sample(settings)


def largest_batch(settings: Settings, available: int) -> int:
    """The largest power of two below the settings' batch that fits in `available` bytes, or 0."""
    fits = (available - _fixed(settings)) // _per_sample(settings)
    fits = min(fits, settings.batch - 1)
    return 1 << (int(fits).bit_length() - 1) if fits > 0 else 0


def free_memory(device: torch.device) -> int:
    if device.type == "cuda":
        import torch

        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return available_memory()


def require_memory(settings: Settings, device: torch.device) -> None:
    """Raises OutOfMemory where a run will not fit: a CPU may grant memory that it does not have."""
    if needed_memory(settings) > free_memory(device):
        raise OutOfMemory(settings, device)


@contextmanager
def memory_reported(settings: Settings, device: torch.device) -> Iterator[None]:
    """Raises OutOfMemory for whatever PyTorch and NumPy raise when an allocation fails."""
    try:
        yield
    except MemoryError as error:
        raise OutOfMemory(settings, device) from error
    except RuntimeError as error:  # torch.OutOfMemoryError is one
        text = str(error)
        if "out of memory" not in text and "not enough memory" not in text:
            raise
        raise OutOfMemory(settings, device) from error


def _fixed(settings: Settings) -> int:
    return STATE_COPIES * 4 * settings.n_sparse * (2 * settings.n_dense + 1)


def _per_sample(settings: Settings) -> int:
    return 4 * (BATCH_COPIES * settings.n_sparse + 3 * settings.n_dense)
