import functools
from types import SimpleNamespace

import pytest
import torch

from rugtui.errors import SettingError
from rugtui.settings.settings import Settings
from rugtui.training import data, source
from rugtui.training.device import resolve
from rugtui.training.kernels.pace import Pace


@pytest.fixture
def machine(monkeypatch):
    def with_devices(cuda, mps):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return with_devices


@pytest.mark.parametrize(
    ("cuda", "mps", "best"), [(0, False, "cpu"), (0, True, "mps"), (2, True, "cuda")]
)
def test_auto_takes_the_best(machine, cuda, mps, best):
    machine(cuda, mps)
    assert resolve("auto").type == best


def test_available_devices_resolve(machine):
    machine(2, False)
    assert resolve("cuda:1") == torch.device("cuda", 1)
    assert resolve("cpu") == torch.device("cpu")


def test_missing_devices_are_refused_with_a_hint(machine):
    machine(0, False)
    with pytest.raises(SettingError) as refused:
        resolve("cuda")
    assert str(refused.value) == (
        "device must be auto, cpu, cuda, cuda:N or mps, but it is 'cuda'; "
        "no CUDA device was found: use cpu or auto."
    )
    with pytest.raises(SettingError, match="Metal"):
        resolve("mps")
    machine(1, False)
    with pytest.raises(SettingError, match="1 CUDA device found: use cuda:0"):
        resolve("cuda:7")


def test_on_cuda_data_are_drawn_there_and_the_host_waits_once_in_many_steps(monkeypatch):
    """With a stand-in for the generator: no such device is needed."""
    cuda = torch.device("cuda")
    there = SimpleNamespace(device=cuda)
    for kind, name in (("bernoulli", "sample_dense"), ("one", "sample_one_dense")):
        drawn = functools.partial(lambda name, *_, generator, **__: (name, generator), name)
        monkeypatch.setattr(data, name, drawn)
        batch = source.Source(there, cuda, torch.float32).draw(Settings(data=kind), 8)
        assert batch == (name, there)
    paces = [Pace.of(Settings(), kind=kind) for kind in ("cpu", "cuda")]
    assert paces[1].interval > 10 * paces[0].interval
    assert paces[1].heldout_intervals == 1
