"""What training does on a GPU, as far as that can be told without one.

PyTorch's fake tensors have a device, a shape and a dtype, but no numbers: an operand on the wrong
device, or a question whose answer is a number, raises. The plan of a GPU is also run on the CPU.
"""

import json
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from rugtui.models import dense as dense_weights
from rugtui.models.activations import with_parameters
from rugtui.models.base import Window
from rugtui.models.dense import Dense
from rugtui.models.rug import Rug
from rugtui.settings.settings import OF_AUTOENCODERS, Settings
from rugtui.training import methods, population
from rugtui.training.heldout import sample_losses
from rugtui.training.kernels.autograd import BY_AUTOGRAD, AutogradGradient, reference_gradient
from rugtui.training.kernels.gradient import Gradient
from rugtui.training.kernels.plan import DEVICE, choose
from rugtui.training.source import Source, importance
from rugtui.training.state import Parameters
from tests.benchmarks import gpu
from tests.benchmarks.gpu import CapturedStep

CUDA, CPU = torch.device("cuda"), torch.device("cpu")
SMALL = Settings(n_sparse=48, n_dense=12, p=0.1, batch=16, device="cuda")
ELEMENTWISE = list(BY_AUTOGRAD)
KERNELS = 25
NO_KERNELS = "empty", "lift_fresh", "can_cast"


class Kernels(TorchDispatchMode):
    """The operations inside the block that compute; none may wait, or leave the GPU."""

    def __init__(self):
        super().__init__()
        self.names, self.dtypes = [], set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        name, namespace = str(function), function.namespace
        if namespace != "aten" or function.is_view or any(part in name for part in NO_KERNELS):
            return result
        assert "_local_scalar_dense" not in name, "it waits for a number"
        outputs = [one for one in torch.utils._pytree.tree_leaves(result) if torch.is_tensor(one)]
        assert all(one.device.type == "cuda" for one in outputs), f"{name} leaves the GPU"
        self.names.append(name)
        self.dtypes |= {one.dtype for one in outputs}
        return result


class Direct(TorchFunctionMode):
    """Calls that would set the device of a real GPU, as the operations behind them."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        aten, kwargs = torch.ops.aten, dict(kwargs or {})
        if (out := kwargs.pop("out", None)) is not None:  # there are no numbers to put into it
            result = function(*args, **kwargs)
            assert (result.shape, result.device) == (out.shape, out.device)
            assert torch.can_cast(result.dtype, out.dtype)
            return out
        if function is torch._fused_sgd_:  # PyTorch has none that is fake
            parameters, gradients, memories = args[:3]
            assert all(one.device.type == "cuda" for one in parameters + gradients)
            assert all(one.device.type == "cuda" for one in memories if one is not None)
            return None
        if function is torch.Tensor.copy_:
            return aten.copy_.default(*args)
        if function is torch.Tensor.__setitem__:
            tensor, index, values = args
            assert index.dtype is torch.int64, "it waits to learn how many are chosen"
            values = torch.full((), values, device=tensor.device, dtype=tensor.dtype)
            return aten.index_put_.default(tensor, [index], values)
        if function is torch.Tensor.__getitem__ and torch.is_tensor(args[1]):
            assert args[1].dtype is torch.int64, "it waits to learn how many are chosen"
            return aten.index.Tensor(args[0], [args[1]])
        if function is torch.Tensor.__getitem__:
            tensor, index = args
            index, axis = index if isinstance(index, tuple) else (index,), 0
            for part in index:
                if part is None:
                    tensor, axis = aten.unsqueeze.default(tensor, axis), axis + 1
                elif part is Ellipsis:
                    axis = tensor.ndim - sum(
                        one is not None for one in index[index.index(part) + 1 :]
                    )
                elif isinstance(part, int):
                    tensor = aten.select.int(tensor, axis, part)
                else:
                    assert isinstance(part, slice), "it waits to learn how many are chosen"
                    tensor, axis = aten.slice.Tensor(tensor, axis, part.start, part.stop), axis + 1
            return tensor
        return function(*args, **kwargs)


@contextmanager
def faked(**more):
    with FakeTensorMode(**more), torch._C._AutoDispatchBelowAutograd(), Direct():
        yield


@contextmanager
def on_cuda():
    with faked(), Kernels() as kernels:
        yield kernels


def weights(settings):
    dtype = getattr(torch, settings.dtype)
    n_sparse, n_dense = settings.n_sparse, settings.n_dense
    shapes = (n_dense, n_sparse), (n_sparse, n_dense), (n_sparse,)
    return Dense(*(torch.empty(shape, device=CUDA, dtype=dtype) for shape in shapes))


def method(settings):
    parameters = Parameters(weights(settings), tied=settings.tied, bias=settings.bias)
    source = Source(torch.Generator(), CUDA, getattr(torch, settings.dtype))
    return methods.build(settings, parameters, source)


RECIPES = [{}, {"tied": True}, {"bias": False}, {"importance": 1.0}, {"optimizer": "adamw"}]
RECIPES += [{"optimizer": "sgd"}, {"data": "one"}, {"schedule": "cosine"}]
DIGITS = [{}, {"dtype": "float64"}, {"matmul": "bf16"}, {"matmul": "tf32"}]


@pytest.mark.parametrize("activation", ELEMENTWISE)
@pytest.mark.parametrize("recipe", RECIPES, ids=str)
@pytest.mark.parametrize("digits", DIGITS, ids=str)
def test_a_step_stays_on_the_gpu_and_waits_for_nothing(activation, recipe, digits):
    settings = SMALL.replace(activation=activation, **recipe, **digits)
    with faked():
        training = method(settings)
        for number in range(2):
            with Kernels() as kernels:
                loss = training.step(number, lambda: None)
    assert loss.device.type == "cuda"
    assert (torch.float64 in kernels.dtypes) == (settings.dtype == "float64")


def test_a_step_launches_few_kernels():
    with faked():
        training = method(SMALL)
        training.step(0, lambda: None)
        with Kernels() as kernels:
            training.step(1, lambda: None)
    assert len(kernels.names) <= KERNELS, " ".join(kernels.names)


class Questions(TorchDispatchMode):
    """No operation inside the block waits for a number, or for how many there are."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        assert not any(name in str(function) for name in ("_local_scalar_dense", "nonzero"))
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("activation", OF_AUTOENCODERS)
def test_a_step_by_autograd_waits_for_nothing(activation):
    """On the CPU: autograd needs a real GPU to run on one."""
    g = torch.Generator().manual_seed(0)
    parts = [torch.rand(shape, generator=g) / 3 for shape in ((12, 48), (48, 12), (48,))]
    parameters = Parameters(with_parameters(Dense(*parts), activation))
    step = AutogradGradient(parameters, activation=activation, k=5)
    x = torch.rand((16, 48), generator=g)
    with Questions():
        loss = step(x)
    assert float(loss) > 0


@pytest.mark.parametrize("activation", ELEMENTWISE)
@pytest.mark.parametrize("more", [{}, {"data": "one"}, {"importance": 0.5}], ids=str)
def test_heldout_losses_are_computed_on_the_gpu(activation, more):
    settings = SMALL.replace(activation=activation, **more)
    with on_cuda() as kernels:
        own = weights(settings)
        (x,) = Source(torch.Generator(), CUDA, torch.float32).draw_many(settings, 16)
        by = importance(settings, own.b)
        losses = sample_losses(own, x, activation=activation, importance=by)
    assert losses.shape == (16,)
    assert torch.float64 not in kernels.dtypes


@pytest.mark.parametrize("more", [{}, {"tied": True}, {"bias": False}], ids=str)
def test_the_descent_of_the_gaussian_loss_takes_its_products_in_single_precision(more):
    settings = SMALL.replace(method="population", **more)
    with on_cuda():
        parameters = Parameters(weights(settings), tied=settings.tied, bias=settings.bias)
        own = parameters.weights
        beta = (own.b + population.means(own, 0.1)).double()
        sizes = {"tied": settings.tied, "bias": settings.bias}
        loss, reach = population.evaluate(own, parameters.gradient, beta, 0.1, **sizes)
    # rows are in double, by their closed form; matrices are not
    assert loss.dtype is reach.dtype is torch.float64
    assert parameters.gradient.flat.dtype is torch.float32


def test_a_rug_computes_on_the_gpu():
    with faked(allow_non_fake_inputs=True):
        rug = Rug(torch.arange(1, 17, device=CUDA), np.ones(64, np.int32), 0.02, -0.1, None)
        with Kernels() as kernels:
            y = rug.forward(torch.empty(8, 64, device=CUDA))
    assert (y.shape, y.device.type) == ((8, 64), "cuda")
    assert torch.float64 not in kernels.dtypes


def test_statistics_are_computed_on_the_device_of_the_weights(monkeypatch):
    """Up to the copy of the result to the host, for which they wait once."""
    monkeypatch.setattr(dense_weights, "_float64", lambda tensor: tensor)
    with on_cuda():
        own = weights(SMALL)
        shapes = [
            part().shape for part in (own.diagonal, own.biases, own.row_sums, own.row_squares)
        ]
        picture = own.pooled(Window(0, 48, 0, 48), 10, 20)
    assert shapes == [(48,)] * 4
    assert picture.shape == (10, 20)


@pytest.mark.parametrize("activation", ELEMENTWISE)
@pytest.mark.parametrize("important", [False, True])
@pytest.mark.parametrize("half", [False, True])
def test_the_plan_of_a_gpu_gives_the_gradient_of_autograd(activation, important, half):
    assert choose(SMALL, kind="cuda") == DEVICE
    dtype = torch.float32 if half else torch.float64
    g = torch.Generator().manual_seed(0)
    shapes = (12, 48), (48, 12), (48,)
    leaves = [torch.randn(shape, generator=g, dtype=dtype) / 3 for shape in shapes]
    weight = torch.rand(48, generator=g, dtype=dtype) if important else None
    source = Source(g, CPU, dtype)
    x = source.draw(SMALL.replace(p=0.9), 16)
    parameters = Parameters(Dense(*leaves))
    step = Gradient(parameters, DEVICE, activation=activation, importance=weight, half=half)
    loss = CapturedStep(lambda: step(x), g)()
    want, *slopes = reference_gradient(
        x, tuple(leaves), activation=activation, importance=1.0 if weight is None else weight
    )
    accuracy = {"rtol": 0.02, "atol": 0.02 * float(want)} if half else {}
    torch.testing.assert_close(loss, want, **accuracy)
    own = parameters.gradient
    for part, slope in zip((own.W_in, own.W_out, own.b), slopes, strict=True):
        torch.testing.assert_close(part, slope, **accuracy)


def test_the_script_for_a_gpu_runs_from_end_to_end():
    found = gpu.report("cpu", quick=True)
    assert "error" not in json.dumps(found)
    assert found["resume_is_bit_exact"] is True
    assert {one["precision"] for one in found["speed"]} == {"fp32", "tf32", "bf16"}
    assert all(one["captured_steps_per_second"] > 0 for one in found["speed"])
    assert found["loss"]["bf16 / fp32"] == pytest.approx(1, rel=0.05)
    assert found["pace"].keys() == {"CUDA_PRODUCTS", "CUDA_OVERHEAD"}
