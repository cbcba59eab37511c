"""W has n_sparse² cells and is never in memory as a whole, in training or in the panes."""

import subprocess
import sys

LOOKED_AT = """
import resource, threading, time
from rugtui.settings.settings import Settings
from rugtui.live.commands import Look, Pause, Save, Show, Stop
from rugtui.live.session import Session
from rugtui.models.base import Window
from rugtui.runtime import threads
from rugtui.live import measuring
from rugtui.live.own_run import OwnRun

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10

measuring.ROWS, threads.BESIDE = 8, 1.0  # rests no longer than it works
before, deadline = peak(), time.monotonic() + 60
settings = Settings(n_sparse=16_384, n_dense=4, p=0.01, batch=64, device="cpu", steps=0)
session = Session(OwnRun(settings))
thread = threading.Thread(target=session.run, daemon=True)
thread.start()

def wait(condition):
    while time.monotonic() < deadline:
        frame = session.frames.take()
        if frame is not None and condition(frame):
            assert not frame.failure, frame.failure
            return
        time.sleep(0.01)
    raise SystemExit("no such Frame")

session.send(Look(60, 60, beside=True, cursor=(5, 7)))
session.send(Save(""))
wait(lambda f: f.step > 0)
session.send(Pause(True))
wait(lambda f: f.trained.statistics and f.snapshot and f.picture.panels[1].cell)
session.send(Show("rug"))
session.send(Look(60, 60, Window(0, 0, 16_384, 100), order="clustered"))
wait(lambda f: f.rug.statistics and f.picture.window.right == 100)
session.send(Stop())
thread.join(30)
print(peak() - before)
"""


def test_w_is_never_in_memory_as_a_whole():
    ran = subprocess.run(
        [sys.executable, "-c", LOOKED_AT], capture_output=True, text=True, timeout=90
    )
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) < 2 * 16_384**2  # half of them in float32: 512 MiB
