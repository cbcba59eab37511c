"""A run that another process trains: what that saves is shown as it comes.

Nothing is written and no lock is held, so that the trainer never notices; whatever would change the
run is refused.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rugtui.errors import RugtuiError, RunError
from rugtui.live.commands import Command, Save
from rugtui.live.frame import Frame, Phase
from rugtui.live.session import NothingToShow, Session
from rugtui.settings.settings import Settings
from rugtui.storage.run_directory import name_for_commands

if TYPE_CHECKING:
    from rugtui.live.run_poller import Progress, RunPoller, SavedRun

PHASES: dict[Progress, Phase] = {
    "live": "watching",
    "paused": "paused",
    "finished": "finished",
    "crashed": "crashed",
    "failed": "failed",
    "damaged": "damaged",
    "gone": "gone",
}


class WatchedRun:
    """Follows one run, from its first save until somebody leaves."""

    begun = saving = False
    kept = unsaved = ""
    """Nothing here needs to be saved: nobody has to wait for it."""

    def __init__(self, run: Path) -> None:
        self.settings, self.source = Settings(), run.name
        self.phase: Phase = "loading"
        self.last_words = list[str]()
        self._run, self._name = run, name_for_commands(run)
        self._poller: RunPoller | None = None
        self._saved: SavedRun | None = None
        self._progress: Progress = "live"
        self._who, self._pid = "another process", ""
        self._complaints: set[str] = set()

    def begin(self, session: Session) -> None:
        from rugtui.live.run_poller import RunPoller

        self._session, self._poller = session, RunPoller(self._run)
        session.narrate("waiting for its first save …")

    def close(self) -> None:
        if self._poller is not None:
            self._poller.close()

    def failed(self) -> None:
        """A fault of this process is none of the run's."""

    def advance(self, cancelled: Callable[[], bool], called: Callable[[], bool]) -> None:
        """Look what the other process did. Raises NothingToShow."""
        poller = self._poller
        if poller is None:
            return
        try:
            if saved := poller.poll():
                self._show(saved)
        except (RugtuiError, OSError) as error:
            if self._saved is None:
                raise NothingToShow(error) from error
            self._complain(str(error))
        if holder := poller.holder:
            self._who, self._pid = str(holder), f"PID {holder.pid}, "
        if poller.caught_up and poller.progress != self._progress:
            self._stands(poller.progress)

    def _show(self, saved: SavedRun) -> None:
        """In all panes, from now on."""
        from rugtui.live.readings import Readings

        session = self._session
        self._saved, self.settings = saved, saved.settings
        if session.readings is None:
            self.phase, session.narration = PHASES[self._progress], ""
            session.show_run(Readings(saved, watched=True))
        else:
            session.readings.follow(saved)
            session.show(session.shown)  # and its picture is another
        for note in saved.notes:
            self._complain(note)

    def _stands(self, progress: Progress) -> None:
        """It has ended, or vanished, or somebody trains it again: say so."""
        self._progress = progress
        if self._saved is None:
            gone = "was deleted" if progress == "gone" else "ended"
            said = f"{self._run.name!r} {gone} before its first save: there is nothing to look at."
            raise NothingToShow(RunError(said))
        self.phase = PHASES[progress]
        said, good = self._news(self._saved.step), progress in ("live", "finished")
        self._session.tell(said, "information" if good else "warning")

    def _news(self, step: int) -> str:
        """How it stands, in a sentence."""
        goes_on = f"`rugtui resume {self._name}` goes on"
        said: dict[Progress, str] = {
            "live": f"{self._who} trains it again.",
            "finished": f"It finished at step {step:,}.",
            "paused": f"It was left at step {step:,}: {goes_on}.",
            "crashed": f"Its process crashed; step {step:,} was saved: {goes_on}.",
            "failed": f"Its training failed at step {step:,}: {goes_on} with other settings.",
            "damaged": f"Its files are damaged by now: this is step {step:,}.",
            "gone": f"It was deleted: this is step {step:,}, as it was.",
        }
        return said[self._progress]

    def _complain(self, trouble: str) -> None:
        """Say once what cannot be read."""
        if trouble not in self._complaints:
            self._complaints.add(trouble)
            self._session.tell(trouble, "warning")

    def carry_out(self, command: Command) -> None:
        """Nothing: why, and where it can be had, is told."""
        saves = f"read-only: `rugtui export {self._name}` saves it elsewhere."
        self._session.tell(saves if isinstance(command, Save) else self._read_only, "warning")

    @property
    def _read_only(self) -> str:
        """Why nothing can be changed here, and where it can."""
        holder = self._poller.holder if self._poller else None
        if self._progress == "gone":
            return "read-only: this run was deleted."
        if self._progress != "live":
            return f"read-only: `rugtui resume {self._name}` goes on with this run."
        if holder is None or holder.screen or holder.elsewhere:
            return f"read-only: {self._who} trains this run; change it there."
        return (
            f"read-only: {self._who} trains this run; `rugtui resume {self._name}` takes it over."
        )

    def describe(self, frame: Frame) -> Frame:
        frame, saved = dataclasses.replace(frame, read_only=self._read_only), self._saved
        if saved is None:
            return frame
        lives = self._progress == "live"
        doing = "" if saved.phase == "training" else f", {saved.phase}"
        return dataclasses.replace(
            frame,
            source=f"{self._pid}read-only{doing}" if lives else "read-only",
            device=saved.trained_on,
            save_age=time.monotonic() - saved.written if lives else math.nan,
        )
