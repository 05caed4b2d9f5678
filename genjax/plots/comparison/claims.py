"""What is said for and against GANs and VAEs, each sentence with the measurement that decides it.

The sentences are those that one hears: GANs are sharp, unstable, drop modes, are difficult to
evaluate; VAEs are fuzzy, easy to navigate, stable. The spread over the seeds decides what holds.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from genjax.metrics.catalogue import METRICS, Metric
from genjax.plots.comparison.ranking import Contender, Values, better, shown

_UNSTEADIER = 4.4  # of standard deviations of three values each: F(2, 2) = 19 at 5%


@dataclass(frozen=True)
class Claim:
    """A sentence on one kind of model, `subject`, and what decides it.

    `relation` to `other`, a kind of model or a number, by `figure`: "better", "worse" (by what the
    figure should be), "above", "below" (a number), "unsteadier" (over the seeds, relative to the
    mean), "lacks" (the other has the figure, the subject cannot have it).
    """

    topic: str
    sentence: str
    subject: str
    relation: str
    other: str
    figure: str


def _claims(topic: str, *decided: tuple[str, str]) -> list[Claim]:
    """Of "subject relation other figure", and a sentence."""
    return [Claim(topic, sentence, *test.split()) for test, sentence in decided]


CLAIMS = [
    *_claims(
        "for GANs",
        ("dcgan better vae sharpness", "Its samples are sharper than a VAE's."),
        ("dcgan better vae frechet_classifier", "They are nearer to the data."),
        ("dcgan better vae precision", "More of them pass for data."),
        ("dcgan better gan frechet_classifier", "Convolutions make it better than an MLP."),
    ),
    *_claims(
        "against GANs",
        ("dcgan worse vae recall", "It drops modes: it covers less of the data than a VAE."),
        ("dcgan worse vae modes_kl", "It neglects classes more than a VAE."),
        ("dcgan unsteadier vae frechet_classifier", "It is unstable: seeds end far apart."),
        ("dcgan above 1.1 last_to_best", "It falls apart again after its best epoch."),
        ("dcgan lacks vae nll", "It is difficult to evaluate: it has no likelihood."),
        ("dcgan lacks vae reconstruction_error", "It cannot say where an image lies."),
        ("dcgan worse vae label_agreement", "On the way between two samples it shows others."),
        ("dcgan worse vae training_seconds", "It takes longer to train."),
        ("dcgan above 0.6 nearer_to_train", "It copies training images."),
    ),
    *_claims(
        "for VAEs",
        ("vae better autoencoder frechet_classifier", "It generates; an autoencoder does not."),
        ("vae better dcgan jacobian_variation", "Its latent space changes evenly."),
        ("vae better dcgan path_length", "Its latent space changes slowly."),
    ),
    *_claims(
        "against VAEs",
        ("vae below 0.9 sharpness", "Its samples are fuzzy."),
        ("vae below 0.9 reconstruction_sharpness", "Its reconstructions are fuzzy."),
        ("vae worse autoencoder reconstruction_error", "An autoencoder reconstructs better."),
    ),
    *_claims(
        "of β-VAEs",
        ("beta-vae worse vae reconstruction_error", "It reconstructs worse than a VAE."),
        ("beta-vae better vae jacobian_variation", "Its latent space changes more evenly."),
    ),
    *_claims(
        "of VAE-GANs",
        ("vae_gan better vae reconstruction_sharpness", "It reconstructs sharper than a VAE."),
        ("vae_gan better vae frechet_classifier", "Its samples are nearer to the data."),
        ("vae_gan worse vae reconstruction_error", "By pixels it reconstructs worse."),
        ("vae_gan better dcgan frechet_classifier", "It samples better than the DCGAN."),
    ),
]


def _decided(claim: Claim, figure: Metric, ours: Values, theirs: Values) -> bool | None:
    """Whether the claim holds; None where the spread over the seeds does not tell."""
    match claim.relation:
        case "lacks":
            return not ours
        case "better" | "worse":
            ours_better = better(figure, ours, theirs)
            return ours_better if claim.relation == "better" else _negated(ours_better)
        case "unsteadier":
            return _unsteadier(ours, theirs)
    difference = statistics.mean(ours) - float(claim.other)
    if len(ours) < 2 or abs(difference) <= statistics.stdev(ours):
        return None
    return (difference > 0) == (claim.relation == "above")


def _negated(value: bool | None) -> bool | None:
    return None if value is None else not value


def _unsteadier(ours: Values, theirs: Values) -> bool | None:
    if min(len(ours), len(theirs)) < 3:
        return None
    left, right = (statistics.stdev(v) / abs(statistics.mean(v)) for v in (ours, theirs))
    if left > _UNSTEADIER * right:
        return True
    return False if right > _UNSTEADIER * left else None


def judged(contenders: Sequence[Contender]) -> list[tuple[Claim, str, str]]:
    """The claims that these contenders can decide: with the measurement, and the verdict."""
    kinds: Mapping[str, Contender] = {c.kind: c for c in reversed(contenders)}
    rows = []
    for claim in CLAIMS:
        against = kinds.get(claim.other)
        is_number = claim.relation in ("above", "below")
        if claim.subject not in kinds or not (against or is_number):
            continue
        figure, subject = METRICS[claim.figure], kinds[claim.subject]
        ours = subject.values(claim.figure)
        theirs = against.values(claim.figure) if against else ()
        if (not theirs and not is_number) or (not ours and claim.relation != "lacks"):
            continue
        holds = _decided(claim, figure, ours, theirs)
        beside = f"{against.name} {shown(theirs)}" if against else f"bound {claim.other}"
        measured = f"{figure.title}: {subject.name} {shown(ours)}, {beside}"
        rows.append((claim, measured, _verdict(holds, len(ours), len(theirs) or len(ours))))
    return rows


def _verdict(holds: bool | None, *seeds: int) -> str:
    if holds is None:
        return "not decided: one seed" if 1 in seeds else "not decided: within the spread"
    return "holds" if holds else "refuted"
