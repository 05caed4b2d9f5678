"""Quality of samples against the number of steps, of a model that samples in steps.

Every number of steps begins at the same latents, so that what differs is the steps alone.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
from jaxtyping import PRNGKeyArray

from genjax.data import Dataset
from genjax.metrics import frechet
from genjax.metrics.classifiers import Classifier
from genjax.metrics.sample_quality import MOST
from genjax.metrics.samples import draw_images, generate_samples
from genjax.model import Params, SamplesInSteps, require

STEPS = (1, 2, 4, 8, 16, 32, 64)


def with_steps(params: Params, num_steps: int) -> Params:
    """Return the parameters for sampling in `num_steps` steps.

    >>> model = genjax.FlowMatching(image_shape=(8, 8, 1), network="mlp", hidden=(8,))
    >>> with_steps(genjax.init(model, jax.random.key(0)), 3).model.num_steps
    3
    """
    model: Any = require(params.model, SamplesInSteps)
    return params.replace(model=replace(model, num_steps=num_steps))


def measure_steps(
    params: Params,
    dataset: Dataset,
    classifier: Classifier,
    key: PRNGKeyArray,
    num: int = 2_000,
    steps: Sequence[int] = STEPS,
    on_chunk: Callable[[int], object] = lambda _: None,
) -> dict[str, Any]:
    """Measure the FCD of `num` samples drawn in each number of steps.

    Args:
        params: of a model with a field `num_steps`.
        dataset: images to compare with, up to 10,000.
        classifier: of the data's classes.
        key: the same key gives the same latents to every number of steps.
        num: how many samples; the FCD of fewer samples is higher.
        steps: the numbers of steps.
        on_chunk: called with the number of samples after every chunk.

    Returns:
        `num_steps`, `frechet_classifier`, and `sampling_seconds` (of 10,000 images, with more than
        500 samples), a list each; and `num_generated`.

    Raises:
        MissingCapability: where the model does not sample in steps.
    """
    real = classifier.features(draw_images(dataset, MOST))
    distances, seconds = [], []
    for count in steps:
        moments: list[tuple[float, int]] = []

        def note(drawn: int, moments: list = moments) -> None:
            moments.append((time.perf_counter(), drawn))
            on_chunk(drawn)

        samples = generate_samples(with_steps(params, count), key, num, note)
        distances.append(float(frechet.compare_features(classifier.features(samples), real)))
        timed = sum(drawn for _, drawn in moments[1:])  # the first chunk compiles
        if timed:
            seconds.append(10_000 * (moments[-1][0] - moments[0][0]) / timed)
    result = {
        "num_steps": list(steps),
        "frechet_classifier": distances,
        "num_generated": num,
        "key": jax.random.key_data(key).tolist(),
    }
    return result | ({"sampling_seconds": seconds} if seconds else {})
