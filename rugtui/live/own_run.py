"""The run that a session trains: its life cycle, and commands that act on it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rugtui.errors import RugtuiError, TrainingError
from rugtui.live.commands import Change, Detach, Open, Pause, Save
from rugtui.live.frame import Frame, Phase
from rugtui.live.session import Handlers, NothingToShow, Session
from rugtui.settings.settings import Settings
from rugtui.storage.run_directory import ABOUT

if TYPE_CHECKING:
    from rugtui.live.run_session import RunSession
    from rugtui.storage.checkpoint import Phase as SavedPhase
    from rugtui.storage.checkpoint_writer import CheckpointWriter

Opening = Callable[[], "RunSession"]
"""Opens a run. Called in the worker thread, because it imports torch."""


class OwnRun:
    """A Subject of a session: a run, and another when settings change that need a new one."""

    def __init__(
        self,
        settings: Settings,
        opening: Opening | None = None,
        *,
        source: str = "",
        goes_on: bool = False,
        autosave: float = 10.0,
    ) -> None:
        """Train a new run with `settings`, or view the run that `opening` opens.

        `source`: what is opened, in a word or two. `goes_on`: train it at once. `autosave`: seconds
        between saves.
        """
        self.settings, self.source = settings, source
        self.phase: Phase = "loading"
        self.unsaved = ""
        """After closing: a sentence that says why the last step is not on disk; empty if it is."""
        self.last_words = list[str]()
        """Messages to print after the screen has closed."""
        self.run: RunSession | None = None
        self._opening, self._goes_on, self._autosave = opening, goes_on, autosave
        self._detached = self._closing = False
        self._closed_writers: list[CheckpointWriter] = []
        """Of closed runs whose last step is still being written to a slow disk."""
        self.handlers: Handlers = {
            Pause: self._pause,
            Change: self._change,
            Open: self._open,
            Save: self._save_snapshot,
            Detach: self._detach,
        }

    @property
    def begun(self) -> bool:
        """Whether there is a run, whose last step is to be saved."""
        return self.run is not None

    @property
    def saving(self) -> bool:
        """Whether something is being written and would be lost if the process ended now."""
        return self._closing or any(writer.busy for writer in self._writers)

    @property
    def _writers(self) -> list[CheckpointWriter]:
        run = self.run
        return [*([run.writer] if run is not None else ()), *self._closed_writers]

    @property
    def kept(self) -> str:
        """Which step is saved where, as a sentence; empty if nothing is to be saved."""
        return self.run.kept() if self.run is not None else ""

    @property
    def _saved_phase(self) -> SavedPhase:
        """The phase in a checkpoint: a run that is closed while it trains counts as paused."""
        return self.phase if self.phase in ("done", "failed") else "paused"

    # Life cycle

    def begin(self, session: Session) -> None:
        """Called by the session at its start. Raises NothingToShow."""
        self._session = session
        self._begin(self.settings)

    def _begin(self, settings: Settings) -> None:
        """Close the current run, if any, and begin another."""
        from rugtui.live.readings import Readings
        from rugtui.live.run_session import CLOSING, RunSession

        session, self.settings = self._session, settings
        if self.run is not None and session.others is not None:
            session.others.keep(self.run, self._saved_phase)
        self._close_run(CLOSING)
        self.phase, session.failure, session.traceback = "loading", "", ""
        session.show_run(None)
        if self._opening is None:
            self.source = ""
            session.narrate(f"preparing {settings.n_sparse:,} × {settings.n_dense:,} …")
            run = RunSession.new(settings, screen=True, every=self._autosave)
        else:
            session.narrate(f"reading {self.source} …")
            run = self._opened(self._opening)
        # The first step may take long, and is no longer preparation.
        self.run, self.settings, session.narration = run, run.settings, ""
        self.phase = "opened" if run.waits else "done" if run.done else "training"
        if run.waits:
            session.shown = run.shown
        session.show_run(Readings(run, construction=run.construction))
        if run.waits and self._goes_on:
            self._resume()
        elif run.waits:
            session.tell("Read-only. Space resumes training.")
        session.narrate("")

    def _opened(self, opening: Opening) -> RunSession:
        """The run to be opened. An error ends the session."""
        self._opening = None
        try:
            return opening()
        except (RugtuiError, OSError) as error:
            raise NothingToShow(error) from error

    def _close_run(self, within: float | None) -> None:
        """Close the current run, and wait up to `within` seconds (None: without limit) until its
        last step is saved; on a slower disk that continues in the background."""
        if self.run is None:
            return
        writer = self.run.writer
        try:
            self.run.close(self._saved_phase, within)
        finally:
            self._closed_writers.append(writer)
            self.run = None
            self._session.show_run(None)
        self._tell_of_saving()

    def close(self) -> None:
        """Save the last step and release the run, however long that takes."""
        self._closing = self.saving or self.begun  # until the session has finished
        self._close_run(None)
        for writer in self._closed_writers:
            writer.wait(None)
        self._tell_of_saving()

    def abandon(self) -> None:
        """Called in another thread if the process ends without waiting for `close`."""
        for writer in self._writers:
            writer.tell(quit=True)

    def _tell_of_saving(self) -> None:
        """Show messages of this run, and of closed runs whose last save has ended."""
        for text, bad in self.run.news() if self.run is not None else ():
            self._session.tell(text, "warning" if bad else "information")
        for writer in [one for one in self._closed_writers if not one.busy]:
            self._closed_writers.remove(writer)
            for text, bad in writer.news():
                self._session.tell(text, "warning" if bad else "information")
                self.last_words += [text] * bad
            if writer.unsaved:
                self.unsaved = writer.unsaved
                self.last_words.append(writer.unsaved)

    def failed(self) -> None:
        """Called after an error: save what there is."""
        self.phase = "failed"
        self._save()

    def _save(self) -> None:
        """Save this step now."""
        if self.run is not None:
            self.run.save(self._saved_phase)

    def advance(self, cancelled: Callable[[], bool], called: Callable[[], bool]) -> None:
        """Train an interval, or until the step at which it is `called`. Raises TrainingError."""
        run, readings = self.run, self._session.readings
        if run is not None and readings is not None and self.phase == "training":
            steps, seconds = run.step, run.seconds
            result = run.advance(cancelled, called)
            readings.trained(result, run.step - steps, run.seconds - seconds)
            if run.done:
                self.phase = "done"
                self._save()
                self._session.tell(f"Stopped: {run.trainer.ending}. Space resumes training.")
        self._tell_of_saving()
        if self._detached and self.phase != "training":
            self._session.stopping.set()

    def describe(self, frame: Frame) -> Frame:
        unsaved = self.run.writer.unsaved if self.run is not None else ""
        return dataclasses.replace(frame, unsaved=unsaved)

    # Commands

    def _pause(self, command: Pause) -> None:
        paused = self.phase == "training" if command.paused is None else command.paused
        if paused and self.phase == "training":
            self.phase = "paused"
            self._save()
        elif not paused and self.phase in ("opened", "paused", "done"):
            self._resume()

    def _resume(self) -> None:
        """Resume an opened or paused run, or train a finished one further."""
        if self.run is None:
            return
        try:
            self.run.resume()
        except (OSError, RugtuiError) as error:
            self._session.tell(str(error), "error")
            return
        if self.run.done:
            self._session.tell(f"Training on {self.run.renew()}.")
            self.settings = self.run.settings
        self.phase = "training"

    def _change(self, command: Change) -> None:
        """Train with other settings, in the same run if they allow that."""
        session, run, settings = self._session, self.run, command.settings
        if run is None or session.traceback:
            self._begin(settings)
            return
        if restarts := run.settings.restarts(settings):
            session.tell(f"new run: {', '.join(restarts)} changed")
            self._begin(settings)
            return
        try:
            run.change(settings)
        except TrainingError as error:  # training continues with the old settings
            session.tell(str(error), "error")
            return
        if session.readings is not None:
            session.readings.settings_changed()
        self.settings, session.failure = settings, ""
        # A finished run can train on, and a failed one from its last finite state.
        if self.phase in ("done", "failed") and not run.done:
            self.phase = "training"

    def _open(self, command: Open) -> None:
        """View a run or weights instead; if they cannot be read, the current run continues."""
        from rugtui.live.opening import open_run, open_weights

        known = {**command.settings.as_dict(), "init": command.path}
        path, every = Path(command.path), self._autosave
        try:
            if (path / ABOUT).is_file():
                run = open_run(path, every=every)
            else:
                run = open_weights(path, known, every=every)
        except (OSError, RugtuiError) as error:
            self._session.tell(f"not opened: {error}", "error")
            return
        self._opening, self.source = lambda: run, run.source
        self._begin(run.settings)

    def _save_snapshot(self, command: Save) -> None:
        from rugtui.models.constructions import dense
        from rugtui.storage.snapshot import write_snapshot

        session, run, readings = self._session, self.run, self._session.readings
        if run is None or readings is None:
            session.tell("nothing to save yet", "warning")
            return
        kind = session.shown
        try:
            folder = write_snapshot(
                run.made_folder(),
                run.run_state("paused"),
                kind=kind,
                weights=dense(readings.weights(kind)),
                facts=readings.facts(kind),
                screen_svg=command.screen_svg,
                colours=command.colours,
            )
        except (OSError, RugtuiError) as error:
            session.tell(f"snapshot not written: {error}", "error")
            return
        session.snapshot = str(folder)
        session.tell(f"snapshot in {folder}")

    def _detach(self, _: Detach) -> None:
        if self._detached:
            return
        self._detached, self._session.shown = True, "trained"
        if self.run is not None and self.phase == "training":
            self.run.detach()
