"""Say why a model of a comparison lacks a metric that others have."""

from collections.abc import Sequence

from genjax.metrics.catalogue import METRICS
from genjax.plots.comparison.ranking import Contender

_REASONS = {  # what a model lacks -> the metrics that need it
    "No discriminator, by which best weights would be kept": (
        "best.frechet_classifier",
        "last_to_best",
    ),
    "No steps to sample in": ("one_step_ratio", "quarter_steps_ratio", "half_steps_ratio"),
    "No classes that could be requested": ("class_agreement",),
    "No latents to decode": ("path_length", "label_agreement", "jacobian_variation"),
    "No posterior of latents": ("active_units", "latent_correlation"),
    "No encoder with a decoder": (
        "reconstruction_error",
        "reconstruction_sharpness",
        "reconstruction_feature_error",
    ),
    "No likelihood": ("nll",),
    "No likelihood of bytes": ("bits_per_dim",),
    "No estimate of the likelihood, but itself or a bound": ("nll_noise",),
    "No bound of a distortion and a rate": ("negative_elbo", "distortion", "rate"),
}


def explain_gaps(contenders: Sequence[Contender]) -> list[str]:
    """Return a sentence for every reason why the table has dashes, with the models it is true of.

    Only metrics count that at least one contender has.
    """
    return [line for reason in _REASONS if (line := _explain(reason, contenders))]


def _explain(reason: str, contenders: Sequence[Contender]) -> str:
    shown = [name for name in _REASONS[reason] if any(c.values(name) for c in contenders)]
    without = [c for c in contenders if not any(c.values(name) for name in shown)]
    if reason.startswith("No estimate"):
        without = [c for c in without if c.likelihood]
    if not shown or not without:
        return ""
    titles = ", ".join(METRICS[name].title for name in shown)
    return f"{reason}, so no {titles}: {', '.join(c.name for c in without)}."
