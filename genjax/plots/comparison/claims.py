"""What is said for and against kinds of models, each sentence with the measurement that decides it.

The sentences are common ones: GANs are sharp, unstable, drop modes, are difficult to evaluate; VAEs
are blurry, easy to navigate, stable; flow matching needs many passes; likelihood and quality
disagree. A model belongs to a kind by its class and by what it can do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from genjax.metrics.catalogue import METRICS
from genjax.model import (
    CanEncode,
    CanReconstruct,
    CanScore,
    HasPosterior,
    Model,
    SamplesInSteps,
    name_likelihood,
)
from genjax.models import DCGAN, GAN

UNSTEADIER = 4.4  # ratio of standard deviations of three values each: F(2, 2) = 19 at 5%
AGREEMENT = 0.5  # rank correlation, below which two orders disagree


def _is_vae(model: Model) -> bool:
    return isinstance(model, HasPosterior) and not isinstance(model, CanScore)


def _is_autoencoder(model: Model) -> bool:
    has_density = isinstance(model, HasPosterior) or name_likelihood(model) is not None
    return isinstance(model, CanReconstruct) and not has_density


KINDS: Mapping[str, Callable[[Model], bool]] = {
    "GAN": lambda m: isinstance(m, CanScore) and not isinstance(m, CanEncode),
    "convolutional GAN": lambda m: isinstance(m, DCGAN),
    "MLP GAN": lambda m: isinstance(m, GAN),
    "VAE": lambda m: _is_vae(m) and getattr(m, "beta", 1.0) == 1.0,
    "β-VAE": lambda m: _is_vae(m) and getattr(m, "beta", 1.0) != 1.0,
    "VAE-GAN": lambda m: isinstance(m, HasPosterior) and isinstance(m, CanScore),
    "autoencoder": _is_autoencoder,
    "model that samples in steps": lambda m: isinstance(m, SamplesInSteps),
    "model with a likelihood": lambda m: name_likelihood(m) is not None,
}


@dataclass(frozen=True)
class Claim:
    """A sentence about one kind of model, and what decides it.

    Attributes:
        topic: the heading that it stands under.
        sentence: what is said.
        subject: the kind of model that it is said of.
        relation: "better", "worse" (by what the metric should be), "above", "below" (a number),
            "unsteadier" (over the seeds, relative to the mean), "lacks" (the other has the metric,
            the subject cannot have it), "disagrees" (of all models of the kind, whose order by the
            metric has a rank correlation below `AGREEMENT` with that by the metric `other`).
        other: the kind of model, or the number, that it is compared with.
        metric: the name of the metric.
        reason: why it may be so.
    """

    topic: str
    sentence: str
    subject: str
    relation: str
    other: str
    metric: str
    reason: str

    @property
    def refutation(self) -> str:
        """Return what would refute the claim."""
        title = METRICS[self.metric].title
        match self.relation:
            case "lacks":
                return f"it has a {title}"
            case "unsteadier":
                return f"the {self.other}'s {title} varies {UNSTEADIER} times as much"
            case "disagrees":
                return f"rank correlation above {AGREEMENT} by more than its standard deviation"
            case "above" | "below":
                opposite = "below" if self.relation == "above" else "above"
                return f"{title} {opposite} {self.other} by more than its standard deviation"
        direction = "worse" if self.relation == "better" else "better"
        return f"{title} {direction} than the {self.other}'s by more than both deviations"


@dataclass(frozen=True)
class Decision:
    """A claim with what was measured, and the verdict for every pair of contenders."""

    claim: Claim
    measured: str
    verdicts: Mapping[str, str]

    @property
    def verdict(self) -> str:
        """Return the verdict that all pairs share, else that of each."""
        if len(set(self.verdicts.values())) == 1:
            return next(iter(self.verdicts.values()))
        return "; ".join(f"{pair}: {verdict}" for pair, verdict in self.verdicts.items())


def _make_claims(topic: str, *claims: tuple[str, str, str, str, str, str]) -> list[Claim]:
    """Return the claims of one topic: sentence, subject, relation, other, metric, reason."""
    return [Claim(topic, *claim) for claim in claims]


_FAKES = "Its loss rewards samples that pass for data, one by one."
_MODES = "Its loss never asks whether all data are produced."
_MEAN = "The pixel likelihood averages over what it is unsure of."
_PULL = "The rate pulls codes towards one smooth distribution."

# fmt: off
CLAIMS = [
    *_make_claims(
        "VAEs cover, GANs sharpen",
        ("It drops modes: it covers less of the data than a VAE.", "GAN", "worse", "VAE",
         "recall", _MODES),
        ("Less of the data has a sample nearby.", "GAN", "worse", "VAE", "coverage", _MODES),
        ("Its samples are sharper than a VAE's.", "GAN", "better", "VAE", "sharpness", _FAKES),
        ("More of them pass for data.", "GAN", "better", "VAE", "precision", _FAKES),
    ),
    *_make_claims(
        "likelihood and quality",
        ("Likelihood and quality disagree.", "model with a likelihood", "disagrees",
         "frechet_classifier", "nll",
         "Most nats tell fine detail, which a classifier's features ignore."),
    ),
    *_make_claims(
        "flow matching needs many passes",
        ("One pass through the network is not enough.", "model that samples in steps", "above",
         "1.1", "one_step_ratio", "One straight step leads to a mean of many images."),
        ("A quarter of its steps is not enough.", "model that samples in steps", "above", "1.1",
         "quarter_steps_ratio", "The paths from noise to images are curved."),
        ("Half of its steps would do.", "model that samples in steps", "below", "1.1",
         "half_steps_ratio", "The error of a step falls with its length."),
    ),
    *_make_claims(
        "for GANs",
        ("Its samples are nearer to the data than a VAE's.", "GAN", "better", "VAE",
         "frechet_classifier", _FAKES),
        ("Convolutions make it better than an MLP.", "convolutional GAN", "better", "MLP GAN",
         "frechet_classifier", "Convolutions know that images are local and shift."),
    ),
    *_make_claims(
        "against GANs",
        ("It neglects classes more than a VAE.", "GAN", "worse", "VAE", "modes_kl", _MODES),
        ("It is unstable: seeds end far apart.", "GAN", "unsteadier", "VAE",
         "frechet_classifier", "Two networks chase each other; no common loss falls."),
        ("It falls apart again after its best epoch.", "GAN", "above", "1.1", "last_to_best",
         "The game need not settle."),
        ("It is difficult to evaluate: it has no likelihood.", "GAN", "lacks", "VAE", "nll",
         "It defines samples, but no density."),
        ("It cannot say where an image lies.", "GAN", "lacks", "VAE", "reconstruction_error",
         "It has no encoder."),
        ("On the way between two samples it shows others.", "GAN", "worse", "VAE",
         "label_agreement", "Nothing asks neighbouring latents to be alike."),
        ("It takes longer to train.", "GAN", "worse", "VAE", "training_seconds",
         "Every step trains two networks."),
        ("It copies training images.", "GAN", "above", "0.6", "nearer_to_train",
         "The discriminator could reward what it has seen."),
    ),
    *_make_claims(
        "for VAEs",
        ("It generates; an autoencoder does not.", "VAE", "better", "autoencoder",
         "frechet_classifier", "Its codes fill the prior; an autoencoder's lie anywhere."),
        ("Its latent space changes evenly.", "VAE", "better", "GAN", "jacobian_variation", _PULL),
        ("Its latent space changes slowly.", "VAE", "better", "GAN", "path_length", _PULL),
    ),
    *_make_claims(
        "against VAEs",
        ("Its samples are blurry.", "VAE", "below", "0.9", "sharpness", _MEAN),
        ("Its reconstructions are blurry.", "VAE", "below", "0.9", "reconstruction_sharpness",
         _MEAN),
        ("An autoencoder reconstructs better.", "VAE", "worse", "autoencoder",
         "reconstruction_error", "It pays no rate for its codes."),
    ),
    *_make_claims(
        "of β-VAEs",
        ("It reconstructs worse than a VAE.", "β-VAE", "worse", "VAE", "reconstruction_error",
         "A larger β buys fewer nats for the codes."),
        ("Its latent space changes more evenly.", "β-VAE", "better", "VAE", "jacobian_variation",
         _PULL),
    ),
    *_make_claims(
        "of VAE-GANs",
        ("It reconstructs sharper than a VAE.", "VAE-GAN", "better", "VAE",
         "reconstruction_sharpness", "It compares features of the discriminator, not pixels."),
        ("Its samples are nearer to the data.", "VAE-GAN", "better", "VAE", "frechet_classifier",
         _FAKES),
        ("By pixels it reconstructs worse.", "VAE-GAN", "worse", "VAE", "reconstruction_error",
         "Its loss does not count pixels."),
        ("It samples better than a GAN.", "VAE-GAN", "better", "GAN", "frechet_classifier",
         "Its decoder also learns to reconstruct."),
    ),
]
# fmt: on
