"""What has no effect is known, and really has none."""

import pytest
import torch

from rugtui.settings.effects import set_in_vain, unused
from rugtui.settings.settings import Settings
from rugtui.training.trainer import Trainer

SMALL = Settings(n_sparse=16, n_dense=4, p=0.2, batch=8, steps=60, device="cpu")
OTHER = {
    "lr": 0.3,
    "momentum": 0.5,
    "weight_decay": 0.5,
    "schedule": "warmup",
    "optimizer": "sgd",
    "p": 0.9,
    "matmul": "bf16",
}


@pytest.mark.parametrize(
    ("beside", "names"),
    [
        ({}, {"momentum", "weight_decay"}),
        ({"optimizer": "sgd"}, {"weight_decay"}),
        ({"optimizer": "adamw"}, {"momentum"}),
        ({"data": "one"}, {"momentum", "weight_decay", "p"}),
        ({"method": "population"}, set(OTHER) - {"p"}),
    ],
)
def test_what_is_said_to_have_no_effect_has_none(beside, names):
    settings = SMALL.replace(**beside)
    set_to = {name: settings.replace(**{name: OTHER[name]}) for name in OTHER}
    assert {n for n, s in set_to.items() if n in unused(s.as_dict())} == names
    for name in names:
        assert torch.equal(trained(set_to[name]), trained(settings)), name
    for name in set(OTHER) - names - {"optimizer", "matmul"}:
        assert not torch.equal(trained(set_to[name]), trained(settings)), name


def trained(settings: Settings) -> torch.Tensor:
    training = Trainer(settings)
    training.advance()
    return training.state().tensors["weights"]


def test_only_what_was_set_is_told():
    assert set_in_vain(Settings(method="population")) == []
    assert set_in_vain(Settings(data="one", p=0.3, momentum=0.5)) == [
        "p 0.3 has no effect: exactly one feature is on.",
        "momentum 0.5 has no effect: adam keeps its own averages.",
    ]
    assert unused({}) == {}
