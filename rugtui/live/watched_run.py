"""A run that another process trains: what that process saves is shown, and nothing is written.

Commands that would change the run are refused.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rugtui.errors import RugtuiError, RunError
from rugtui.live.commands import Change, Command, Detach, Open, Pause, Save
from rugtui.live.frame import Frame, Phase
from rugtui.live.session import Handlers, NothingToShow, Session
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
    """A Subject of a session that shows the saves of another process."""

    begun = saving = False
    kept = unsaved = ""
    """Nothing is to be saved."""

    def __init__(self, run: Path) -> None:
        self.settings, self.source = Settings(), run.name
        self.phase: Phase = "loading"
        self.last_words = list[str]()
        self._run, self._name = run, name_for_commands(run)
        self._poller: RunPoller | None = None
        self._saved: SavedRun | None = None
        self._progress: Progress = "live"
        self._who, self._pid = "another process", ""
        self._reported: set[str] = set()
        self.handlers: Handlers = dict.fromkeys((Pause, Change, Open, Save, Detach), self._refuse)

    def begin(self, session: Session) -> None:
        from rugtui.live.run_poller import RunPoller

        self._session, self._poller = session, RunPoller(self._run)
        session.narrate("waiting for its first save …")

    def close(self) -> None:
        if self._poller is not None:
            self._poller.close()

    def abandon(self) -> None:
        """Another process trains the run."""

    def failed(self) -> None:
        """The run goes on: the error is in this process."""

    def advance(self, cancelled: Callable[[], bool], called: Callable[[], bool]) -> None:
        """Show what the other process saved. Raises NothingToShow."""
        poller = self._poller
        if poller is None:
            return
        try:
            if saved := poller.poll():
                self._show(saved)
        except (RugtuiError, OSError) as error:
            if self._saved is None:
                raise NothingToShow(error) from error
            self._report_once(str(error))
        if holder := poller.holder:
            self._who, self._pid = str(holder), f"PID {holder.pid}, "
        if poller.caught_up and poller.progress != self._progress:
            self._progress_changed(poller.progress)

    def _show(self, saved: SavedRun) -> None:
        """Show this save in all panes."""
        from rugtui.live.readings import Readings

        session = self._session
        self._saved, self.settings = saved, saved.settings
        if session.readings is None:
            self.phase, session.narration = PHASES[self._progress], ""
            session.show_run(Readings(saved, watched=True))
        else:
            session.readings.follow(saved)
            session.show(session.shown)  # makes a new picture
        for note in saved.notes:
            self._report_once(note)

    def _progress_changed(self, progress: Progress) -> None:
        """Tell the user that the run ended, was deleted, or is trained again."""
        self._progress = progress
        if self._saved is None:
            gone = "was deleted" if progress == "gone" else "ended"
            said = f"{self._run.name!r} {gone} before its first save: there is nothing to look at."
            raise NothingToShow(RunError(said))
        self.phase = PHASES[progress]
        said, good = self._news(self._saved.step), progress in ("live", "finished")
        self._session.tell(said, "information" if good else "warning")

    def _news(self, step: int) -> str:
        """A sentence about the state of the run."""
        goes_on = f"`rugtui resume {self._name}` continues"
        said: dict[Progress, str] = {
            "live": f"{self._who} trains it again.",
            "finished": f"It finished at step {step:,}.",
            "paused": f"It was paused at step {step:,}: {goes_on}.",
            "crashed": f"Its process crashed; step {step:,} was saved: {goes_on}.",
            "failed": f"Its training failed at step {step:,}: {goes_on} with other settings.",
            "damaged": f"Its files are damaged by now: this is step {step:,}.",
            "gone": f"It was deleted: this is step {step:,}, as it was.",
        }
        return said[self._progress]

    def _report_once(self, trouble: str) -> None:
        """Report damage once."""
        if trouble not in self._reported:
            self._reported.add(trouble)
            self._session.tell(trouble, "warning")

    def _refuse(self, command: Command) -> None:
        """Say that the run cannot be changed here, and where it can be."""
        saves = f"read-only: `rugtui export {self._name}` saves it elsewhere."
        self._session.tell(saves if isinstance(command, Save) else self._read_only, "warning")

    @property
    def _read_only(self) -> str:
        """Why nothing can be changed here, as a sentence."""
        holder = self._poller.holder if self._poller else None
        if self._progress == "gone":
            return "read-only: this run was deleted."
        if self._progress != "live":
            return f"read-only: `rugtui resume {self._name}` continues this run."
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
