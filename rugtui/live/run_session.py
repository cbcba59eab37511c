"""A run: a trainer, its history, and the writer that saves both."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from rugtui.analysis.verdict import death
from rugtui.errors import RunError
from rugtui.live.commands import Kind
from rugtui.live.history import NAMES, History
from rugtui.models.dense import Dense
from rugtui.settings.settings import Settings, fields, no_effect
from rugtui.storage.checkpoint import (
    Checkpoint,
    Phase,
    ResumeHandle,
    StoredRun,
    restore,
    stored_run,
)
from rugtui.storage.checkpoint_writer import EVERY, CheckpointWriter, RunState
from rugtui.storage.files import read_json
from rugtui.storage.kept_steps import KeptSteps
from rugtui.storage.run_directory import ABOUT, name_for_commands, settings_of
from rugtui.training.failure import Diverged
from rugtui.training.state import StepResult
from rugtui.training.trainer import Trainer, never

CLOSING = 10.0
"""Seconds to wait for the last save; if it takes longer, the one before it counts."""


class RunSession:
    """A run of this process, in the dashboard or in `rugtui train`. One thread advances it."""

    def __init__(self, trainer: Trainer, writer: CheckpointWriter) -> None:
        self.trainer, self.writer = trainer, writer
        self.history = History()
        self.replay = KeptSteps(trainer.settings)
        self.seconds = 0.0
        """Of training."""
        self.notes: list[str] = []
        """Warnings about training, and about the files from which it was resumed."""
        self.dead = 0
        """Outputs that were 0 for every sample of the last result."""
        self.waits = False
        """Whether it is only viewed: nothing is written until training resumes."""
        self.shown: Kind = "trained"
        self.construction = ""
        """The construction of the rug that was shown, if not the default."""
        self.origin = ""
        """Where its weights come from, if not from the seed."""
        self.source = ""
        """The same in a word or two, while it is viewed."""
        self.resume_handle: ResumeHandle | None = None
        """The saved run that is viewed, and not locked before training resumes."""
        self._begun = False
        self._saved: tuple[int, Phase, Settings] | None = None

    @classmethod
    def new(
        cls,
        settings: Settings,
        *,
        into: Path | None = None,
        screen: bool = False,
        every: float = EVERY,
    ) -> RunSession:
        """A new run. Raises SettingError if its device does not exist."""
        training = Trainer(settings, screen=screen)
        device = str(training.device)
        writer = CheckpointWriter(settings, device=device, into=into, screen=screen, every=every)
        session = cls(training, writer)
        session.notes = no_effect(settings)
        return session

    @classmethod
    def resumed(cls, run: Path, *, screen: bool = False, every: float = EVERY) -> RunSession:
        """The run in this directory, continued bit for bit from its newest undamaged checkpoint.

        Raises RunError if another process trains it or a newer rugtui wrote it, DamagedError,
        SettingError, OSError.
        """
        writer = CheckpointWriter(Settings(), device="", run=run, screen=screen, every=every)
        try:
            found = stored_run(run)
            if found is None:
                # Nothing was saved yet: the same settings give the same bits again.
                settings = settings_of(run / ABOUT, read_json(run / ABOUT))
                return cls(Trainer(settings, screen=screen), writer)
            session = cls.restored(found, writer, screen=screen)
            writer.continue_from(found.file)
        except BaseException:
            writer.close(0)
            raise
        checkpoint = found.checkpoint
        session._saved = checkpoint.step, checkpoint.phase, checkpoint.settings
        writer.note(f"resumed at step {checkpoint.step:,}")
        return session

    @classmethod
    def restored(
        cls, found: StoredRun, writer: CheckpointWriter, *, device: str = "", screen: bool = False
    ) -> RunSession:
        """A run as it was saved."""
        checkpoint, past = found.checkpoint, found.past
        session = cls(restore(found.file, checkpoint, device=device, screen=screen), writer)
        session.history, session.seconds = History.of(past), checkpoint.seconds
        session.replay = KeptSteps(checkpoint.settings, found.kept_steps)
        session.notes = list(found.notes)
        lost = checkpoint.results - past.table.shape[1]
        # not if the process was killed between thinning and the checkpoint: then counts differ
        if lost and past.thinned == checkpoint.thinned:
            folder = str(found.file.parent)
            session.notes.append(f"{folder!r}: {lost:,} results are missing from its history.")
        if checkpoint.device != str(session.trainer.device):
            session.notes.append(
                f"it ran on {checkpoint.device} before: data and digits may differ"
            )
        before, now = checkpoint.state.facts.get("threads"), session.trainer.threads
        if before not in (None, now):
            session.notes.append(
                f"it trained with --threads {before} so far and goes on with --threads {now}: the "
                "last digits may differ from those of an uninterrupted run"
            )
        return session

    def resume(self) -> None:
        """Let a run train that was opened for viewing.

        Raises RunError if it is in use, or has been trained since; OSError.
        """
        if self.resume_handle is not None:
            self.resume_handle.take(self.writer)
            self.writer.note(f"opened at step {self.trainer.step:,}, and training resumes")
        waited, self.waits, self.source, self.resume_handle = self.waits, False, "", None
        if waited:
            self._begin()

    def made_folder(self) -> Path:
        """The run's directory, for snapshots, made if it does not exist yet.

        Raises RunError if it cannot be made, and for a saved run that is only viewed.
        """
        if self.resume_handle is not None:
            raise RunError(
                f"{self.resume_handle.run.name!r} is open read-only: nothing is written into it "
                "before training resumes (space)."
            )
        if self.waits or not self._begun:
            self.waits = False
            self._begin()
        if self.writer.run is None:
            raise RunError(self.writer.trouble)
        return self.writer.run

    @property
    def settings(self) -> Settings:
        return self.trainer.settings

    @property
    def step(self) -> int:
        return self.trainer.step

    @property
    def done(self) -> bool:
        return self.trainer.done

    @property
    def device(self) -> str:
        return str(self.trainer.device)

    @property
    def plan(self) -> str:
        return self.trainer.plan

    @property
    def folder(self) -> Path | None:
        return self.writer.run

    def weights(self) -> Dense:
        """A copy of the weights, on the training device."""
        return self.trainer.weights()

    @property
    def kept_steps(self) -> tuple[int, ...]:
        return self.replay.steps

    @property
    def files(self) -> Path | None:
        return self.resume_handle.run if self.resume_handle else self.writer.run

    def kept_weights(self, step: int) -> Dense:
        return self.replay.read(self.files, step)

    def advance(
        self, cancelled: Callable[[], bool], called: Callable[[], bool] = never
    ) -> StepResult | None:
        """Train one interval, or until cancelled or called; add the result to the history, and save
        if that is due. Raises TrainingError."""
        if not self._begun:
            self._begin()
        started = time.perf_counter()
        try:
            result = self._train(cancelled, called)
        except Diverged as error:  # training went back to an earlier step
            self.history = History.of(self.history.past().until(error.kept_step))
            self.history.mark(error.kept_step, f"back from {error.step:,}")
            self.replay.forget_after(error.kept_step)
            raise
        finally:
            self.seconds += time.perf_counter() - started
        if result is not None:
            self.history.add(result, self.seconds)
            if result.dead == self.settings.n_sparse > self.dead:  # it no longer learns
                said = death(result.dead, self.settings)
                self.notes.append(f"at step {self.trainer.step:,}: {said}")
            self.dead = result.dead
        if self.writer.due:
            self.save("training")
        return result

    def _train(
        self, cancelled: Callable[[], bool], called: Callable[[], bool]
    ) -> StepResult | None:
        """Train one interval or a part of it, keeping weights for the replay on the way."""

        def wanted() -> bool:
            return self.replay.wants(self.trainer.step)

        while True:
            result = self.trainer.advance(cancelled, lambda: wanted() or called())
            kept = wanted()
            if kept:
                self.replay.keep(self.trainer.step, self.trainer.halved)
            if result is not None or not kept or called():
                return result

    def _begin(self) -> None:
        """Make the directory: training begins."""
        self._begun = True
        if self.writer.run is None:
            self.writer.begin()
            self.writer.note(f"began {self.origin}".rstrip())
            if self.origin:  # the seed cannot make these weights again
                self.save("training")
        if self.replay.wants(self.trainer.step):
            self.replay.keep(self.trainer.step, self.trainer.halved)

    def change(self, settings: Settings) -> None:
        """Continue with other settings. Raises SettingError for a change that needs a restart."""
        before = self.settings
        if settings == before:
            return  # changing the trainer would end the current interval
        self.trainer.change(settings)
        for declared in fields():
            value = getattr(settings, declared.name)
            if value != getattr(before, declared.name):
                was = f"{before.steps:,}→" if declared.name == "steps" and before.steps else ""
                self.history.mark(self.trainer.step, f"{declared.name} {was}{_short(value)}")
                self.notes += no_effect(settings, [declared.name])

    def renew(self) -> str:
        """Train beyond the end; returns in a few words what was changed for that."""
        changes = self.trainer.renew()
        if not changes:
            self.history.mark(self.trainer.step, "patience anew")
            return "with patience counted from here"
        self.change(self.settings.replace(**changes))
        told = {"steps": f"to step {self.settings.steps:,}", "until_within": "without the target"}
        return ", ".join(told[name] for name in changes)

    def save(self, phase: Phase) -> None:
        """Save this step in the background, unless the run is only viewed."""
        if self.waits:
            return
        self._saved = self.trainer.step, phase, self.settings
        self.writer.save(lambda: self.run_state(phase))

    def kept(self) -> str:
        """Which step is saved where, as a sentence; empty if the run is only viewed."""
        run, step = self.writer.run, self.writer.kept
        if self.waits:
            return ""
        if step is None:
            return "Nothing of this run is saved yet."
        assert run is not None
        how = f"`rugtui resume {name_for_commands(run)}` continues from there"
        return f"Step {step:,} is saved in {run}; {how}."

    def detach(self) -> None:
        """Record in the lock and the log that the terminal is gone."""
        if not self._begun:
            self._begin()
        self.writer.tell(screen=False)
        steps = self.settings.steps
        to = f": goes on to step {steps:,}" if steps else ": goes on until stopped"
        to = "" if self.trainer.done else to
        self.writer.note(f"the terminal is gone at step {self.trainer.step:,}{to}")

    def news(self) -> list[tuple[str, bool]]:
        """Messages since the last call, and whether each is a warning."""
        notes, self.notes = self.notes, []
        return [(note, True) for note in notes] + self.writer.news()

    def save_last(self, phase: Phase) -> None:
        """Save this step, the last one, in the background, unless it is saved already."""
        if self.waits or (not self._begun and self._saved is None):
            return
        if self._saved != (self.trainer.step, phase, self.settings) or self.writer.trouble:
            self.save(phase)

    def close(self, phase: Phase, within: float | None = CLOSING, *, by: str = "") -> bool:
        """Save the last step and unlock the run; returns whether it was saved.

        `within`: seconds to wait for that (None: without limit). `by`: what ended the run, for its
        log.
        """
        self.save_last(phase)
        done = self.writer.wait(within)  # the first save makes the folder, and with it the log
        if not self.waits and self._saved is not None:
            ended = f"{phase} at step {self.trainer.step:,}{by and f' by {by}'}"
            how = "" if phase == "done" else f": {self.writer.unsaved or self.kept()}"
            self.writer.note(ended + how)
        return self.writer.close(within if done else 0)

    def run_state(self, phase: Phase) -> RunState:
        """A copy of everything that is saved."""
        past = self.history.past()
        rows = past.table.shape[1]
        checkpoint = Checkpoint(
            settings=self.settings,
            state=self.trainer.state(),
            seconds=self.seconds,
            phase=phase,
            device=str(self.trainer.device),
            loss=float(past.table[NAMES.index("loss"), -1]) if rows else None,
            results=rows,
            thinned=past.thinned,
        )
        return RunState(checkpoint, past, self.replay)


def _short(value: object) -> str:
    return "auto" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)
