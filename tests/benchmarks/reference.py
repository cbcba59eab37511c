"""The training loop of the code of arXiv 2410.12101, an epoch for every line on stdin.

    python reference.py CHECKOUT n_sparse n_dense p batch lr device [--curve FILE SECONDS]

Answers with the seconds of a full batch. With `--curve` it trains so many seconds at once, and FILE
holds the weights at moments even in the logarithm of time; to copy them is not counted.
"""

import json
import sys
import time
import types

EPOCH_SAMPLES = 30_000


def main() -> None:
    curve = sys.argv.index("--curve") if "--curve" in sys.argv else len(sys.argv)
    checkout, *numbers, device = sys.argv[1:curve]
    made, factory = build(checkout, *numbers)
    made.to(device)
    if sys.argv[curve:]:
        path, seconds = sys.argv[curve + 1 :]
        descend(made, factory, path, float(seconds), device)
        return
    for line in sys.stdin:
        made.cfg.max_epochs = int(line)
        begun = time.perf_counter()
        made.optimize(factory, device=device, plot=False, logging=False)
        seconds = time.perf_counter() - begun
        answer = {"seconds": seconds * made.cfg.batch_size / EPOCH_SAMPLES / int(line)}
        print(json.dumps(answer), flush=True)


def build(checkout: str, *numbers: str):
    """Its model and its data, at the recipe of its `train_model`."""
    n_sparse, n_dense, batch = (int(numbers[place]) for place in (0, 1, 3))
    p, lr = float(numbers[2]), float(numbers[4])
    import torch.utils.data  # noqa: F401 - looks whether dill is there, before it seems to be

    for name in ("dill", "matplotlib", "matplotlib.pyplot"):  # for saving and plots alone
        sys.modules.setdefault(name, types.ModuleType(name))
    sys.path.insert(0, checkout)
    import data  # type: ignore[import-not-found]
    import model  # type: ignore[import-not-found]

    config = model.Config(
        n_sparse=n_sparse,
        n_dense=n_dense,
        final_layer_bias=True,
        data_size=EPOCH_SAMPLES,
        batch_size=batch,
        max_epochs=1,
        lr=lr,
        update_times=3000,
        convergence_tolerance=0,
        loss_window=200,
    )
    return model.Model(config), data.DataFactory(data.Config(p, n_sparse, (0, 1)))


class EnoughError(Exception):
    """Its loop has had its seconds."""


def descend(made, factory, path: str, seconds: float, device: str) -> None:
    import numpy as np
    from moments import Moments  # beside this file

    kept: list = []
    moments = Moments(seconds)

    def look(*_: object) -> None:
        """Before every step."""
        if moments.due():
            own = made.initial_layer.weight, made.final_layer.weight, made.final_layer.bias
            kept.append([part.detach().cpu().numpy().copy() for part in own])
            moments.went_on()
        if moments.over:
            raise EnoughError

    made.register_forward_pre_hook(look)
    made.cfg.max_epochs, made.cfg.convergence_tolerance = 10**9, -float("inf")
    try:
        made.optimize(factory, device=device, plot=False, logging=False)
    except EnoughError:
        W_in, W_out, b = (np.stack(parts) for parts in zip(*kept, strict=True))
        np.savez(path, seconds=moments.seconds, steps=moments.steps, W_in=W_in, W_out=W_out, b=b)


if __name__ == "__main__":
    main()
