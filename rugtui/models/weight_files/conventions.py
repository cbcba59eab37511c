"""How others name the arrays of y = ReLU(W_out (W_in x + b_in) + b), and the settings beside
them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from rugtui.errors import WeightsError
from rugtui.settings.settings import Activation

Layout = Literal["either", "linear", "kernel"]
"""The input axis of a matrix: linear, the last (torch.nn.Linear); kernel, the first (Flax); either:
the length of the bias, otherwise the longer axis, tells which axis has the features."""


@dataclass(frozen=True, slots=True)
class Convention:
    """The names of the arrays. Without `W_out` the weights are tied."""

    origin: str
    W_in: str
    W_out: str = ""
    b: tuple[str, ...] = ()
    b_in: tuple[str, ...] = ()
    layout: Layout = "either"
    whole: bool = False
    """`W_in` names W itself, (n_sparse, n_sparse)."""
    refusal: str = ""
    """Why weights with these names belong to another model."""

    def roles(self, shapes: Mapping[str, tuple[int, ...]], prefix: str) -> dict[str, str]:
        """{role: name} of the arrays under `prefix`; empty if the weights are missing."""
        needed = {"W_in": self.W_in} | ({"W_out": self.W_out} if self.W_out else {})
        if self.whole:
            needed = {"W": self.W_in}
        found = {role: prefix + name for role, name in needed.items() if prefix + name in shapes}
        if len(found) < len(needed):
            return {}
        if not self.W_out and _is_square(shapes[prefix + self.W_in]) != self.whole:
            return {}
        for role, biases in ("b", self.b), ("b_in", self.b_in):
            if there := [prefix + name for name in biases if prefix + name in shapes]:
                found[role] = there[0]
        return found


def _is_square(shape: tuple[int, ...]) -> bool:
    return len(shape) >= 2 and shape[-1] == shape[-2]


BIASES = ("b", "b_final", "b_out", "bias", "b_dec", "bias_out", "out_bias")


def _layers(origin: str, first: str, last: str, **more: str) -> Convention:
    """Two modules of PyTorch or (layout kernel) Flax."""
    kernel = more.get("layout") == "kernel"
    weight, bias = ("kernel" if kernel else "weight"), "bias"
    return Convention(
        origin,
        f"{first}.{weight}",
        f"{last}.{weight}",
        b=(f"{last}.{bias}", *BIASES),
        b_in=(f"{first}.{bias}",),
        layout="kernel" if kernel else "linear",
        refusal=more.get("refusal", ""),
    )


ACTIVATION_BETWEEN = "there is usually an activation between them"
CONVENTIONS = (
    Convention(
        "TransformerLens", "mlp.W_in", "mlp.W_out", ("mlp.b_out",), ("mlp.b_in",), "kernel",
        refusal="an MLP of a transformer has an activation between them",
    ),
    Convention("rugtui and others", "W_in", "W_out", BIASES, ("b_in",)),
    Convention("PersianRug (old)", "Win", "Wout", BIASES, ("b_in",)),
    _layers("PersianRug", "initial_layer", "final_layer"),
    Convention("Anthropic's toy models, ARENA, APD", "W", b=BIASES),
    _layers("devinterp", "embedding", "unembedding"),
    _layers("devinterp, short names", "embed", "unembed"),
    _layers("Goodfire SPD", "linear1", "linear2"),
    Convention("Goodfire APD", "linear1.weight", b=("b_final", "bias", "b")),
    _layers("autoencoders of PyTorch", "encoder", "decoder"),
    _layers("autoencoders of PyTorch", "enc", "dec"),
    Convention("autoencoders", "enc", "dec", ("dec_bias", *BIASES), ("enc_bias", "b_enc")),
    Convention("SAELens", "W_enc", "W_dec", BIASES, ("b_enc",)),
    Convention("plain arrays", "W1", "W2", ("b2", "b", "bias"), ("b1",)),
    _layers("torch.nn.Sequential", "0", "1"),
    _layers("torch.nn.Sequential", "0", "2", refusal="layer 1 lies between them"),
    _layers("MLPs of PyTorch", "fc1", "fc2", refusal=ACTIVATION_BETWEEN),
    _layers("Flax", "encoder", "decoder", layout="kernel"),
    _layers("Flax", "enc", "dec", layout="kernel"),
    _layers("Flax", "Dense_0", "Dense_1", layout="kernel"),
    Convention("Haiku", "linear.w", "linear_1.w", ("linear_1.b",), ("linear.b",), "kernel"),
)  # fmt: skip
FALLBACKS = (
    Convention("W itself", "W", b=BIASES, whole=True),
    Convention("torch.nn.Linear", "weight", b=("bias",), layout="linear", whole=True),
    Convention("Flax", "kernel", b=("bias",), layout="kernel", whole=True),
    Convention("a single array", "array", whole=True),
    Convention("a tuple (W_in, W_out, b)", "0", "1", ("2",)),
)
"""Names so common that they count only if no others are found."""

HARMLESS = re.compile(
    r"(?i)(optim\w*|opt(_state\w*)?|\w*sched\w*|rng\w*|\w*seed\w*|loss(es)?|\w*_loss(es)?|history\w*"
    r"|logs?|metrics|(global_)?steps?|epochs?|iteration|num_batches_tracked|callbacks|loops"
    r"|grads?|gradients?|importances?|feature_probabilit(y|ies)|p_feat\w*|sparsity|sparsities"
    r"|data|batch|inputs?|labels|targets|amp|scaler|exp_avg\w*|momentum\w*|mu|nu)"
)
"""A part of an array's name that shows that the model's output does not depend on the array."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Possible weights in a file: {role: name} with roles W_in, W_out, or W, and b, b_in."""

    label: str
    convention: Convention
    roles: dict[str, str]
    prefix: str = ""
    explicit: bool = False
    """Whether the names were given explicitly, not by a convention."""

    @property
    def names_option(self) -> str:
        """As the value of --names: W_in=model.W_in,b=model.b."""
        return ",".join(f"{role}={name}" for role, name in self.roles.items())


def is_harmless(name: str) -> bool:
    return any(HARMLESS.fullmatch(part) for part in re.split(r"[./]", name))


def candidates(shapes: Mapping[str, tuple[int, ...]]) -> list[Candidate]:
    """All candidates among arrays of these names and shapes, ordered by name."""
    found = _of(CONVENTIONS, shapes) or _of(FALLBACKS, shapes)
    # layers 0 and 1 of a deeper model do not fit each other; its layers 0 and 2 may
    found = [one for one in found if _fits(one, shapes)] or found
    arrays = [set(one.roles.values()) for one in found]
    kept = [
        one
        for k, one in enumerate(found)
        if not any(
            arrays[k] < other or (arrays[k] == other and j < k) for j, other in enumerate(arrays)
        )
    ]
    return _labelled(kept)


def _fits(one: Candidate, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether W_in and W_out have the same sizes, in either order."""
    sizes = [sorted(shapes[name][-2:]) for role, name in one.roles.items() if role[0] == "W"]
    return len(sizes) < 2 or sizes[0] == sizes[1]


def _of(
    conventions: tuple[Convention, ...], shapes: Mapping[str, tuple[int, ...]]
) -> list[Candidate]:
    # Flax and Haiku separate the parts of a name by a slash
    original = {name.replace("/", "."): name for name in sorted(shapes, reverse=True)}
    dotted = {name: shapes[original[name]] for name in original}
    found = []
    for convention in conventions:
        ending = re.compile(rf"(?:.*\.)?(?={re.escape(convention.W_in)}$)", re.DOTALL)
        prefixes = {match.group() for name in dotted if (match := ending.match(name))}
        for prefix in sorted(prefixes, key=lambda prefix: (len(prefix), prefix)):
            roles = convention.roles(dotted, prefix)
            if roles and not is_harmless(prefix):
                names = {role: original[name] for role, name in roles.items()}
                found.append(Candidate(prefix.rstrip("."), convention, names, prefix))
    return found


def _labelled(found: list[Candidate]) -> list[Candidate]:
    """With unique labels: the prefix, or the first array if that is empty or shared."""
    labels = [one.label for one in found]
    return [
        one
        if one.label and labels.count(one.label) == 1
        else dataclasses.replace(one, label=next(iter(one.roles.values())))
        for one in found
    ]


ACTIVATION = re.compile(
    r"(?:.*\.)?(?:final_layer_)?(?:activation(?:_function|_fn)?|act_fn|act_func|nonlinearity)", re.I
)
HIDDEN_ACTIVATION = re.compile(
    r"(?:.*\.)?(?:init_layer|hidden)_(?:act_func|activation|act_fn)", re.I
)
CHANCE = re.compile(r"(?:.*\.)?(?:p_feat|p_feature|feature_prob(?:ability)?)|settings\.p", re.I)
SCALE = re.compile(r"(?:.*\.)?(?:\w*_)?scale(?:_factor)?|(?:.*\.)?temperature", re.I)
ACTIVATIONS: dict[str, Activation] = {name: name for name in get_args(Activation)}
SAME = {"linear": "identity", "none": "identity", "leakyrelu": "leaky_relu"}


@dataclass(frozen=True, slots=True)
class StatedSettings:
    """What a file says; None if it says nothing, or contradicts itself."""

    activation: Activation | None = None
    other_activation: str = ""
    """An activation that rugtui does not have, as the file spells it."""
    p: float | None = None
    scale: str = ""
    """A factor that is not 1, as a phrase."""
    hidden_activation: str = ""
    k: int | None = None
    """Outputs that topk keeps."""
    magnitude: str | None = None
    """Law of a feature that is on."""

    def settings(self) -> dict[str, Any]:
        """The settings of a run that the file says."""
        names = ("p", "activation", "k", "magnitude")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def require_known(self) -> None:
        """Raises WeightsError for an activation that rugtui does not have."""
        if self.other_activation:
            raise WeightsError(
                f"The file names the activation {self.other_activation}, which rugtui does not "
                f"have: choose one of {', '.join(ACTIVATIONS)} with --activation."
            )


def stated_settings(facts: Mapping[str, Any]) -> StatedSettings:
    """From names and values beside the arrays, such as cfg.final_layer_act_func or p_feat."""

    def of(pattern: re.Pattern[str], kind: Any) -> dict[str, Any]:
        known = facts.items()
        return {k: v for k, v in known if pattern.fullmatch(k) and isinstance(v, kind)}

    activations = {_name(value) for value in of(ACTIVATION, str).values()} - {""}
    hidden = [_name(value) for value in of(HIDDEN_ACTIVATION, str).values()]
    hidden = [name for name in hidden if name not in ("", "identity")]
    chances = {float(value) for value in of(CHANCE, int | float).values() if 0 < value <= 1}
    factors = of(SCALE, int | float).items()
    scales = [f"{name} is {value:g}" for name, value in factors if value not in (1, True)]
    one = activations.pop() if len(activations) == 1 else ""
    return StatedSettings(
        activation=ACTIVATIONS.get(one),
        other_activation="" if one in ACTIVATIONS else one,
        p=chances.pop() if len(chances) == 1 else None,
        scale=scales[0] if scales else "",
        hidden_activation=hidden[0] if hidden else "",
        magnitude=law if isinstance(law := facts.get("settings.magnitude"), str) else None,
        k=k if isinstance(k := facts.get("settings.k"), int) and k > 0 else None,
    )


def _name(value: str) -> str:
    """ReLU, F.relu and torch.nn.modules.activation.ReLU are all relu."""
    name = value.rpartition(".")[2].lower()
    return SAME.get(name, name)
