"""Shows the session's newest Frame and its notices, and limits how often."""

from __future__ import annotations

import time
from collections import deque

from textual import events
from textual.screen import ModalScreen
from textual.timer import Timer

from rugtui.live.commands import COUNTED, Change, Command, Kind
from rugtui.live.frame import Frame
from rugtui.live.session import LOADING, Session
from rugtui.runtime.machine import UsageMeter
from rugtui.runtime.threads import freeze_loaded, share_beside
from rugtui.settings.preferences import Preferences
from rugtui.settings.settings import Settings
from rugtui.tui.header import Header
from rugtui.tui.screens.dashboard import Dashboard
from rugtui.tui.screens.failure import Failure
from rugtui.tui.screens.overlay import ShowsFrames
from rugtui.tui.screens.system import KEPT, SECONDS, Sample
from rugtui.tui.terminal.bandwidth import KIB
from rugtui.tui.terminal.frame_throttle import FrameThrottle
from rugtui.tui.terminal.terminal_app import TerminalApp

METER_SECONDS = 2.0
STALLED = 4.0
"""Seconds without a Frame after which the header says so: a step takes long, or a device hangs."""
SEND_WHOLE = 3.0
"""Seconds that the next Frame waits until the last one is sent whole: else the screen shows half of
each. If a Frame takes longer, newer numbers come first."""
EAGER_SECONDS = 0.01
FPS_LEAST, FPS_USUAL, FPS_MOST = 0.25, Preferences().fps, 60.0


class FrameApp(TerminalApp):
    """Follows one session. It holds no tensor and never waits for the worker."""

    def __init__(self, session: Session, preferences: Preferences) -> None:
        super().__init__(preferences)
        self.session, self.settings = session, session.subject.settings
        self._asked = 0
        """How many counted commands were sent. `settings` includes changes that the worker has not
        carried out yet."""
        self.shown_then: Kind | None = None
        self.paused_then: bool | None = None
        """What the keys asked for, until a Frame arrives that was made after them."""
        self.latest = Frame(self.settings, narration=LOADING, source=session.subject.source)
        self.fps = preferences.fps
        """Frames shown in a second, at most."""
        self.throttle = FrameThrottle()
        self.screen_rates = 0.0, 0.0
        """KiB and Frames per second that go to the screen."""
        self.samples: deque[Sample] = deque(maxlen=KEPT)
        self._usage: UsageMeter | None = None
        self._eager: Timer | None = None
        self._last_notice = self._bytes_sent = self._frames_drawn = 0
        self._all_loaded = False
        self._failure = ""
        self._taken_at = time.monotonic()

    def get_default_screen(self) -> Dashboard:
        return Dashboard()

    @property
    def dashboard(self) -> Dashboard:
        screen = self.screen_stack[0]
        assert isinstance(screen, Dashboard)
        return screen

    @property
    def share(self) -> float:
        """The share of a core that drawing may take."""
        return share_beside() * self.fps / FPS_USUAL

    def follow(self) -> None:
        """Begin to take Frames."""
        self._timer = self.set_interval(1 / self.fps, self.take_frame)
        self.set_interval(METER_SECONDS, self.read_meter)
        self.set_interval(SECONDS, self.sample_system)

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.InputEvent | events.Resize):
            self.throttle.attend()
            self.terminal.key_pressed()
            self._eager = self._eager or self.set_interval(EAGER_SECONDS, self.take_answer)
        await super().on_event(event)

    def take_answer(self) -> None:
        """Show the effect of a key without waiting for the next Frame's turn."""
        if self.throttle.eager:
            self.take_frame()
        elif self._eager is not None:
            self._eager.stop()
            self._eager = None

    def take_frame(self) -> None:
        """Show the newest Frame, if there is one, it is due, and the terminal has received the one
        before."""
        if self.terminal.behind or (self.terminal.dirty and self._waits()):
            return
        if self.latest.phase == "training" and not self.throttle.due(self.share):
            return
        frame = self.session.frames.take()
        if frame is None:
            return
        self.throttle.begin()
        self._frames_drawn, self._taken_at = self._frames_drawn + 1, time.monotonic()
        before, self.latest = self.latest, frame
        if (bool(frame.read_only), frame.phase) != (bool(before.read_only), before.phase):
            self.screen.refresh_bindings()
        if frame.counted >= self._asked:  # it was made after the last command
            self.settings, self.shown_then, self.paused_then = frame.settings, None, None
        for screen in reversed(self.screen_stack):  # the front screen is sent first
            if isinstance(screen, ShowsFrames) and screen.is_mounted:  # a timer may come before
                screen.show(frame)
            if isinstance(screen, ModalScreen):
                break  # the screens behind it are not drawn
        self._tell_news(frame)
        if frame.trained.statistics is not None and not self._all_loaded:
            self._all_loaded = True
            freeze_loaded()

    def ask(self, settings: Settings) -> None:
        """Have the worker train with other settings."""
        self.settings = settings
        self.send(Change(settings))

    def send(self, command: Command) -> None:
        """Hand a command to the worker."""
        self._asked += isinstance(command, COUNTED)
        self.session.send(command)

    def _waits(self) -> bool:
        """Whether to let the last Frame finish before taking the next."""
        return not self.throttle.eager and time.monotonic() - self._taken_at < SEND_WHOLE

    def _tell_news(self, frame: Frame) -> None:
        for notice in frame.notices:
            if notice.serial > self._last_notice:
                self._last_notice = notice.serial
                if notice.text != frame.failure:  # which has a pane of its own
                    self.notify(notice.text, severity=notice.severity)
        if frame.failure and frame.failure != self._failure:
            self.push_screen(Failure(frame.failure, frame.traceback, frame.kept))
        self._failure = frame.failure

    def read_meter(self) -> None:
        """Measure bytes and Frames per second, and tell the header if no Frame came for a while."""
        sent = self.terminal.sent
        rate, self._bytes_sent = (sent - self._bytes_sent) / METER_SECONDS / KIB, sent
        drawn, self._frames_drawn = self._frames_drawn / METER_SECONDS, 0
        self.screen_rates = rate, drawn
        waited = time.monotonic() - self._taken_at if self.latest.phase == "training" else 0.0
        if not self.screen_stack:
            return  # a last tick, when the app is already leaving
        for header in self.dashboard.query(Header):
            header.wait(waited if waited > STALLED else 0.0)

    def sample_system(self) -> None:
        """Measure the process's CPU and memory, and show them if there is room."""
        if not self.screen_stack:
            return
        self._usage = self._usage or UsageMeter()
        usage = self._usage.sample(self.latest.device)
        self.samples.append(Sample(usage, *self.screen_rates))
        self.dashboard.tell_usage(usage.text)

    def action_fps(self, factor: float) -> None:
        self.fps = min(max(self.fps * factor, FPS_LEAST), FPS_MOST)
        self._timer.stop()
        self._timer = self.set_interval(1 / self.fps, self.take_frame)
        self.notify(f"{self.fps:g} frames a second, at most", timeout=2)
