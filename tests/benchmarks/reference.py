"""The training loop of the code of arXiv 2410.12101, an epoch for every line on stdin.

    python reference.py CHECKOUT n_sparse n_dense p batch lr device [--curve]

Answers with the seconds of a full batch, and with `--curve` also with the losses of the batches.
"""

import json
import sys
import time
import types

EPOCH_SAMPLES = 30_000


def main() -> None:
    checkout, *numbers, device = (word for word in sys.argv[1:] if word != "--curve")
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
    factory = data.DataFactory(data.Config(p, n_sparse, (0, 1)))
    made = model.Model(config).to(device)
    for line in sys.stdin:
        made.cfg.max_epochs = int(line)
        begun = time.perf_counter()
        made.optimize(factory, device=device, plot=False, logging=False)
        seconds = time.perf_counter() - begun
        answer = {"seconds": seconds * batch / EPOCH_SAMPLES / int(line)}
        if "--curve" in sys.argv:
            answer |= {"losses": made.losses, "total": seconds}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
