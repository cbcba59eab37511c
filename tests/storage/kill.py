"""Train, be killed and be resumed, again and again.

    python -m tests.storage.kill FOLDER KILLS SEED

Forks, because a fork has PyTorch loaded already. Prints a line of JSON for each life: the step at
which it began, the checkpoints that its kill left, and the seconds of work that it lost.
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

from rugtui.live.run_session import RunSession
from rugtui.storage import checkpoint_writer
from rugtui.storage.run_directory import all_runs, checkpoints
from rugtui.training.kernels import pace
from rugtui.training.trainer import Trainer
from tests.storage.some import SETTINGS

EVERY = 0.002


def main(folder: Path, kills: int, seed: int) -> None:
    torch.set_num_threads(1)
    pace.PRODUCTS = 1e7  # a result a step
    Trainer(SETTINGS)  # imports what PyTorch imports late
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
            when = [heard(pipe.readline())]
            for _ in range(random.randrange(20)):
                when.append(heard(pipe.readline()))
            time.sleep(random.random() * 0.02)  # the random moment
            os.kill(child, signal.SIGKILL)
            killed_at = time.monotonic()
            when += [heard(line) for line in pipe]
        os.waitpid(child, 0)
        left = [path.name for path in checkpoints(all_runs(folder)[0])]
        kept = int(left[0].split("-")[1].split(".")[0]) if left else 0
        lost = killed_at - min((at for step, at in when if step > kept), default=killed_at)
        print(json.dumps({"step": when[0][0], "left": left, "lost": lost}), flush=True)


def heard(line: str) -> tuple[int, float]:
    """A step, and when it was done."""
    assert line, "it died by itself"
    step, at = line.split()
    return int(step), float(at)


def live(folder: Path, told: int) -> None:
    """Train for ever, saving all the time, and report every step and its time."""
    signal.alarm(60)  # in case it hangs
    checkpoint_writer.SHARE = 1.0
    runs = all_runs(folder)
    if runs:
        session = RunSession.resumed(runs[0], every=EVERY)
        assert session.notes == [], session.notes
    else:
        session = RunSession.new(SETTINGS, into=folder, every=EVERY)
    while True:
        os.write(told, f"{session.trainer.step} {time.monotonic()}\n".encode())
        session.advance(bool)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
