"""Train, be killed, be taken up, again and again: a run that never gets to say goodbye.

    python -m tests.runs.kill FOLDER KILLS SEED

Forks, because a fork has PyTorch loaded already; prints one line of JSON for each life: the step
at which it began, and the checkpoints that its kill left.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from random import Random

import torch

from rugtui.runs import keeper
from rugtui.runs.directory import all_runs, checkpoints
from rugtui.session.course import Course
from rugtui.training.loop import Training
from tests.runs.some import SETTINGS

EVERY = 0.002


def main(folder: Path, kills: int, seed: int) -> None:
    torch.set_num_threads(1)
    Training(SETTINGS)  # imports what PyTorch imports late
    random = Random(seed)
    for _ in range(kills):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                live(folder, writer)
            finally:
                os._exit(1)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            step = int(pipe.readline())
            for _ in range(random.randrange(6)):
                assert pipe.readline(), "it died by itself"
            time.sleep(random.random() * 0.02)  # the random moment
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        left = [path.name for path in checkpoints(all_runs(folder)[0])]
        print(json.dumps({"step": step, "left": left}), flush=True)


def live(folder: Path, told: int) -> None:
    """Train for ever, saving all the time; tells the step after every interval."""
    signal.alarm(60)  # should it hang: nobody waits for it longer
    keeper.SHARE = 1.0
    runs = all_runs(folder)
    if runs:
        course = Course.taken_up(runs[0], every=EVERY)
        assert course.notes == [], course.notes
    else:
        course = Course.new(SETTINGS, into=folder, every=EVERY)
    while True:
        os.write(told, f"{course.training.step}\n".encode())
        course.advance(bool)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
