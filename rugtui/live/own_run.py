"""The run that a session trains: its life cycle, and what commands do to it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rugtui.errors import RugtuiError, TrainingError
from rugtui.live.commands import Change, Command, Detach, Open, Pause, Save
from rugtui.live.frame import Frame, Phase
from rugtui.live.session import NothingToShow, Session
from rugtui.settings.settings import Settings
from rugtui.storage.run_directory import ABOUT

if TYPE_CHECKING:
    from rugtui.live.run_session import RunSession
    from rugtui.storage.checkpoint import Phase as SavedPhase
    from rugtui.storage.checkpoint_writer import CheckpointWriter

Opening = Callable[[], "RunSession"]
"""Opens a run; called in the worker, because it imports torch."""


class OwnRun:
    """A Subject of a session: one run at a time. Some changes of settings begin a new one."""

    def __init__(
        self,
        settings: Settings,
        opening: Opening | None = None,
        *,
        source: str = "",
        goes_on: bool = False,
        autosave: float = 10.0,
    ) -> None:
        """Train a new run with `settings`, or the run that `opening` opens.

        `source`: what is opened, in a word or two; `goes_on`: train at once instead of viewing.
        `autosave`: seconds between saves.
        """
        self.settings, self.source = settings, source
        self.phase: Phase = "loading"
        self.unsaved, self.last_words = "", list[str]()
        self.run: RunSession | None = None
        self._opening, self._goes_on, self._autosave = opening, goes_on, autosave
        self._detached = self._closing = False
        self._left: list[CheckpointWriter] = []
        """Of closed runs whose last step is still being written to a slow disk."""

    @property
    def begun(self) -> bool:
        return self.run is not None

    @property
    def saving(self) -> bool:
        there = [self.run.writer] if self.run is not None else []
        return self._closing or any(one.busy for one in (*there, *self._left))

    @property
    def kept(self) -> str:
        return self.run.kept() if self.run is not None else ""

    @property
    def _saved_phase(self) -> SavedPhase:
        """The phase for a checkpoint: a run that is closed while training counts as paused."""
        return self.phase if self.phase in ("done", "failed") else "paused"

    # From the beginning to the end

    def begin(self, session: Session) -> None:
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
        # Before the first step, which may take long and is no longer preparation.
        self.run, self.settings, session.narration = run, run.settings, ""
        self.phase = "opened" if run.waits else "done" if run.done else "training"
        if run.waits:
            session.shown = run.shown
        session.show_run(Readings(run, construction=run.construction))
        if run.waits and self._goes_on:
            self._go_on()
        elif run.waits:
            session.tell("Read-only. Space resumes training.")
        session.narrate("")

    def _opened(self, opening: Opening) -> RunSession:
        """The run that was to be opened. An error ends the session."""
        self._opening = None
        try:
            return opening()
        except (RugtuiError, OSError) as error:
            raise NothingToShow(error) from error

    def _close_run(self, within: float | None) -> None:
        """Close the current run, waiting up to `within` seconds (None: without limit) for its last
        step to be saved. A slower disk goes on in the background."""
        if self.run is None:
            return
        writer = self.run.writer
        try:
            self.run.close(self._saved_phase, within)
        finally:
            self._left.append(writer)
            self.run = None
            self._session.show_run(None)
        self._tell_of_saving()

    def close(self) -> None:
        self._closing = self.saving or self.begun  # until the session has finished
        self._close_run(None)
        for writer in self._left:
            writer.wait(None)
        self._tell_of_saving()

    def _tell_of_saving(self) -> None:
        """Show the messages of this run, and of closed runs whose last save has ended."""
        for text, bad in self.run.news() if self.run is not None else ():
            self._session.tell(text, "warning" if bad else "information")
        for writer in [one for one in self._left if not one.busy]:
            self._left.remove(writer)
            for text, bad in writer.news():
                self._session.tell(text, "warning" if bad else "information")
                self.last_words += [text] * bad
            if writer.unsaved:
                self.unsaved = writer.unsaved
                self.last_words.append(writer.unsaved)

    def failed(self) -> None:
        self.phase = "failed"
        self._save()

    def _save(self) -> None:
        """Save this step although no autosave is due."""
        if self.run is not None:
            self.run.save(self._saved_phase)

    def advance(self, cancelled: Callable[[], bool], called: Callable[[], bool]) -> None:
        """Train an interval, or part of one. Raises TrainingError."""
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

    def carry_out(self, command: Command) -> None:
        match command:
            case Pause():
                self._pause(command.paused)
            case Change():
                self._change(command.settings)
            case Open():
                self._open_weights(command)
            case Save():
                self._save_snapshot(command)
            case Detach():
                self._detach()
            case _:
                raise AssertionError(command)

    def _pause(self, paused: bool | None) -> None:
        paused = self.phase == "training" if paused is None else paused
        if paused and self.phase == "training":
            self.phase = "paused"
            self._save()
        elif not paused and self.phase in ("opened", "paused", "done"):
            self._go_on()

    def _go_on(self) -> None:
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

    def _change(self, settings: Settings) -> None:
        """Train with other settings, in the same run if they allow that."""
        session, run = self._session, self.run
        if run is None or session.traceback:
            self._begin(settings)
            return
        if restarts := run.settings.restarts(settings):
            session.tell(f"new run: {', '.join(restarts)} changed")
            self._begin(settings)
            return
        try:
            run.change(settings)
        except TrainingError as error:  # the settings are unchanged, and training continues
            session.tell(str(error), "error")
            return
        if session.readings is not None:
            session.readings.settings_changed()
        self.settings, session.failure = settings, ""
        # A finished run, or a failed one that kept its last finite state, can train on.
        if self.phase in ("done", "failed") and not run.done:
            self.phase = "training"

    def _open_weights(self, command: Open) -> None:
        """Show the weights of a file; if it cannot be read, the current run continues."""
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

    def _detach(self) -> None:
        if self._detached:
            return
        self._detached, self._session.shown = True, "trained"
        if self.run is not None and self.phase == "training":
            self.run.detach()
