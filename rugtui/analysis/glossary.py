"""The name of each number and a one-sentence explanation, for the dashboard and the commands."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Term:
    """A word on the screen and the sentence that explains it."""

    name: str
    about: str


LOSSES = {
    "live": Term("live", "Loss per feature now, from the latest training losses."),
    "held out": Term("held out", "Loss of exactly these weights on data that training never saw."),
    "held out then": Term(
        "held out",
        "Held-out loss at the step given here; the two rows below are of the same weights.",
    ),
    "sampled": Term(
        "sampled", "Loss of fixed weights, from samples; its error shrinks as more are drawn."
    ),
    "then": Term("training", "Loss at that step, from the training losses before it."),
    "rug": Term("rug, sampled", "Loss of the constructed weights (the rug), from samples."),
    "gaussian": Term(
        "Gaussian(W)", "Loss of these weights if the interference in each row were Gaussian."
    ),
    "exact": Term(
        "exact(W)",
        "Loss of these weights from the exact distribution of their interference, not sampled.",
    ),
    "loss": Term(
        "L*(r, p)", "Loss of the best permutation-symmetric model: a prediction, not a lower bound."
    ),
    "pairs": Term("L_pairs", "Loss of the best model made of antipodal pairs of features."),
    "end": Term("L_end", "Where training should end: the best mixture of known structures."),
    "lowest": Term(
        "lowest known",
        "Best weights known: below r = 1/2 features share planes in an order of priority.",
    ),
    "high_sparsity": Term("high sparsity", "L* in the limit of small p, to first order."),
    "linear": Term("linear", "Loss of the best linear model with a bias: (1 − r) Var x."),
    "elementwise": Term(
        "elementwise",
        "Best possible function of each pre-activation, with the symmetric model's noise (Bayes).",
    ),
    "oracle": Term(
        "oracle", "The same if it were also told which features are on; symmetric noise only."
    ),
}
"""By the name of the level (`theory.levels`) or of the kind of loss."""

SYMMETRY = {
    "diagonal_mean": Term(
        "diagonal a", "Mean of W_ii, how strongly a feature reaches its own output."
    ),
    "bias_mean": Term(
        "bias b + μ", "Mean bias plus the mean interference, which is what theory calls b."
    ),
    "noise_mean": Term("noise σ", "Standard deviation of the interference in a row of W."),
    "skew": Term(
        "skew of W", "Skewness of off-diagonal entries: below 0 once a few are strongly negative."
    ),
    "pairs_share": Term(
        "in pairs",
        "Share of features in mutual pairs: each is the other's strongest negative partner.",
    ),
    "lopsidedness": Term(
        "lopsidedness", "s of the middle pair: W_ij is −s W_ii and W_ji is −W_jj/s; 1 is even."
    ),
    "singles_share": Term("single", "Share of features with almost no interference."),
    "abandoned_share": Term(
        "abandoned", "Share of features whose diagonal is near 0: not represented."
    ),
    "partners": Term("partners", "Strong negative weights in a row, on average."),
    "partner_mean": Term(
        "their weight", "Mean weight of strong negative partners, relative to the row's diagonal."
    ),
    "partner_norm_share": Term(
        "their share", "Share of a row's squared off-diagonal weights that is its partners'."
    ),
    "interferers": Term(
        "interferers",
        "Effective number of entries behind a row's noise, (ΣW²)²/ΣW⁴: few when it is structured.",
    ),
    "kolmogorov_smirnov": Term(
        "KS to normal", "Largest distance of the interference's distribution from a Gaussian."
    ),
    "lyapunov": Term(
        "Lyapunov", "Σ|W|³/(ΣW²)^1.5 of a row: small where the central limit theorem holds."
    ),
}
"""By the field of `Statistics`."""

PAPER = {
    "delta_diag": "Δ diag(W)",
    "delta_b": "Δ b",
    "delta_var_nu": "Δ Var ν",
    "delta_mean_nu": "Δ E ν",
    "lambda_max": "Λ",
    "p_ks": "p_KS",
}
"""The paper's names of its quantities, by the field of `PaperStatistics`."""
