"""What the numbers in files mean, for people who read them without rugtui."""

from __future__ import annotations

LOSS = "mean squared error per feature"
UNITS = {
    "loss": LOSS,
    "loss_standard_error": "standard error of loss",
    "smoothed": "the same, averaged exponentially over results since p or the kind of loss changed",
    "heldout": "the same, on samples that training never saw",
    "heldout_standard_error": "standard error of heldout",
    "step": "optimizer steps",
    "seconds": "seconds of training",
    "lr": "learning rate",
    "p": "probability that a feature is on",
    "batch": "samples in a step; 0 where none are drawn and loss is the Gaussian loss of W",
    # of theory
    "r": "n_dense / n_sparse",
    "a": "diagonal of W at the symmetric optimum",
    "b": "bias there, with the mean of the noise",
    "sigma": "standard deviation of the noise there",
    "high_sparsity": f"{LOSS}, of the optimum as p goes to 0",
    "linear": f"{LOSS}, of the best linear model",
    "elementwise": f"{LOSS}, of the best decoder that sees one pre-activation at a time",
    "oracle": f"{LOSS}, where it is known which features are on",
    # of statistics
    "n_sparse": "features",
    "gaussian": f"{LOSS}, were the noise Gaussian",
    "exact": f"{LOSS}, exact at this size",
    "exact_standard_error": "standard error of exact, over the rows drawn; 0 where all are",
    "rows": "rows of W that exact and what follows were taken of",
    "diagonal_mean": "mean of the diagonal of W over rows",
    "diagonal_spread": "standard deviation of it",
    "bias_mean": "mean over rows of the bias, with the mean of the noise",
    "bias_spread": "standard deviation of it",
    "noise_mean": "mean over rows of the noise's standard deviation",
    "noise_spread": "standard deviation of it",
    "skew": "third standardised moment about 0 of W off the diagonal, a pure number",
    "interferers": "entries of a row that make its noise, a count",
    "lyapunov": "Lyapunov's ratio of a row off the diagonal, a pure number",
    "kolmogorov_smirnov": "largest distance of the noise's distribution from a Gaussian",
}
"""By name; the names of theory and statistics are those of Levels and Statistics."""
