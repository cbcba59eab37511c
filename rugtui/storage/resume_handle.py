"""A run opened for viewing, which may be resumed unless another process has trained it
meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rugtui.errors import RunError
from rugtui.storage.checkpoint_writer import CheckpointWriter
from rugtui.storage.run_directory import checkpoints

Fingerprint = tuple[tuple[str, int, int], ...]


def fingerprint(run: Path) -> Fingerprint:
    """The names and times of a run's checkpoints: they change when a process writes one. Raises
    OSError."""
    known = ((path.name, path.stat()) for path in checkpoints(run))
    return tuple((name, at.st_ino, at.st_mtime_ns) for name, at in known)


@dataclass(frozen=True, slots=True)
class ResumeHandle:
    """The run, and what was in it when it was read."""

    run: Path
    checkpoint: Path
    """Which one was read."""
    there: Fingerprint

    def take(self, keeper: CheckpointWriter) -> None:
        """Have the keeper hold the run, from the checkpoint that was read.

        Raises RunError where another process holds it, or wrote to it meanwhile; OSError.
        """
        keeper.hold(self.run)
        if fingerprint(self.run) != self.there:
            keeper.let_go()
            raise RunError(f"{self.run.name!r} was trained further meanwhile: open it again.")
        keeper.went_on_from(self.checkpoint)
