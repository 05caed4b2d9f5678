"""The metrics of a result: the name, title and unit that every page and table uses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isinf


@dataclass(frozen=True)
class Metric:
    """A number in `result.json`, and how it is read.

    Attributes:
        name: its key in `result.json`; `a.b` is the key b inside a.
        title: what pages and tables call it.
        explanation: a phrase that completes the title.
        best: the value that is best: a number, or `inf` where more is always better and `-inf`
            where less is. None where no value is better than another.
        unit: empty for a share or another number without a unit.
        group: the heading that it stands under.
    """

    name: str
    title: str
    explanation: str
    best: float | int | None = None
    unit: str = ""
    group: str = ""

    @property
    def aim(self) -> str:
        """Return the sign that says which values are better.

        >>> METRICS["precision"].aim, METRICS["nll"].aim, METRICS["nearer_to_train"].aim
        ('→ 1', '↓', '→ 0.5')
        """
        if self.best is None:
            return ""
        return {0.0: "↓", -inf: "↓", inf: "↑"}.get(self.best, f"→ {self.best:g}")

    @property
    def label(self) -> str:
        """Return the title with the unit.

        >>> METRICS["nll"].label
        'NLL (nats per image)'
        """
        return f"{self.title} ({self.unit})" if self.unit else self.title

    @property
    def tooltip(self) -> str:
        """Return what a page says where the pointer rests on the title.

        >>> METRICS["copies"].tooltip
        'share of samples that nearly equal a training image; in result.json: copies'
        """
        return f"{self.explanation}; in result.json: {self.name}".removeprefix("; ")

    def misses(self, values: Sequence[float | int]) -> tuple[float | int, ...]:
        """Return how far each of the values is from the best one; less is better.

        >>> METRICS["precision"].misses([0.75, 1.0])
        (0.25, 0.0)
        """
        if self.best is None:
            return ()
        if isinf(self.best):
            return tuple(-value if self.best > 0 else value for value in values)
        return tuple(abs(value - self.best) for value in values)


def _group(heading: str, *metrics: tuple[str, str, str, float | int | None, str]) -> list[Metric]:
    return [Metric(*metric, group=heading) for metric in metrics]


_NATS = "nats per image"

METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in [
        *_group(
            "Distance of the samples from the data",
            ("frechet_classifier", "FCD", "Fréchet distance in a classifier's features", 0, ""),
            ("best.frechet_classifier", "FCD, best epoch", "FCD of the best weights", 0, ""),
            ("last_to_best", "FCD, last / best", "1: the last weights are the best", None, ""),
            ("one_step_ratio", "FCD, 1 step / all", "of 2,000 samples", None, ""),
            ("quarter_steps_ratio", "FCD, 1/4 of the steps / all", "of 2,000 samples", None, ""),
            ("half_steps_ratio", "FCD, 1/2 of the steps / all", "of 2,000 samples", None, ""),
            ("kernel_distance", "KID", "kernel distance in the same features, unbiased", 0, ""),
            ("frechet_random_features", "FRD", "Fréchet distance in random features", 0, ""),
        ),
        *_group(
            "Quality and coverage of the samples",
            ("precision", "precision", "share of samples that lie among the data", 1, ""),
            ("recall", "recall", "share of the data that lies among the samples", 1, ""),
            ("density", "density", "how densely the data surround the samples", 1, ""),
            ("coverage", "coverage", "share of the data with a sample nearby", 1, ""),
            ("modes", "classes", "classes that the classifier finds among the samples", inf, ""),
            ("least_share", "rarest class", "its share of the samples", inf, ""),
            (
                "modes_kl",
                "class imbalance",
                "KL of the samples' classes from the data's",
                0,
                "nats",
            ),
            ("confidence", "confidence", "mean probability of the most probable class", 1, ""),
            (
                "class_agreement",
                "class agreement",
                "share of samples of the requested class",
                1,
                "",
            ),
            ("sharpness", "sharpness", "Laplacian variance, relative to the data", 1, ""),
            ("spectral_sharpness", "high frequencies", "their power, relative to the data", 1, ""),
        ),
        *_group(
            "Memorisation",
            ("nearer_to_train", "memorisation", "0.5: none; 1: samples are copies", 0.5, ""),
            ("copies", "copies", "share of samples that nearly equal a training image", 0, ""),
        ),
        *_group(
            "Latent space",
            ("path_length", "path length", "change of features along an interpolation", 0, ""),
            ("label_agreement", "label agreement", "interpolations without a third class", 1, ""),
            ("jacobian_variation", "Jacobian variation", "unevenness of the decoder", 0, ""),
            ("active_units", "active latents", "latents that depend on the image", None, ""),
            (
                "latent_correlation",
                "latent correlation",
                "mean absolute correlation of pairs of active latents",
                0,
                "",
            ),
            ("mig", "MIG", "mutual information gap", 1, ""),
            ("dci_disentanglement", "disentanglement", "DCI: a latent follows one factor", 1, ""),
            ("dci_completeness", "completeness", "DCI: a factor moves one latent", 1, ""),
            ("dci_informativeness", "informativeness", "DCI: accuracy of the factors", 1, ""),
        ),
        *_group(
            "Reconstruction and likelihood",
            ("reconstruction_error", "reconstruction error", "mean squared, per pixel", 0, ""),
            (
                "reconstruction_sharpness",
                "reconstruction sharpness",
                "Laplacian variance of reconstructions, relative to the data",
                1,
                "",
            ),
            (
                "reconstruction_feature_error",
                "feature error",
                "squared, between an image and its reconstruction in a classifier's features",
                0,
                "",
            ),
            ("nll", "NLL", "-log p(x), or the importance-weighted bound on it", -inf, _NATS),
            ("nll_noise", "noise of NLL", "standard error of an image's estimate", 0, _NATS),
            ("bits_per_dim", "bits per dimension", "NLL per pixel and channel", -inf, "bits"),
            ("negative_elbo", "-ELBO", "distortion + rate", -inf, _NATS),
            ("distortion", "distortion", "reconstruction loss, E[-log p(x|z)]", -inf, _NATS),
            ("rate", "rate", "KL of the posterior from the prior", None, _NATS),
        ),
        *_group(
            "Classification",
            ("accuracy", "accuracy", "share of images classified correctly", 1, ""),
            ("worst_group_accuracy", "worst group", "accuracy in the worst group", 1, ""),
            ("group_gap", "group gap", "largest less smallest accuracy of a group", 0, ""),
        ),
        *_group(
            "Cost",
            ("parameters", "weights", "number of weights of all networks", None, ""),
            ("training_seconds", "training time", "of one seed", 0, "s"),
            ("training_cpu_seconds", "CPU time", "of one seed's training, all cores", 0, "s"),
            ("sampling_seconds", "sampling time", "of 10,000 images", 0, "s"),
        ),
    ]
}
