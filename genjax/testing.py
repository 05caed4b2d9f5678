"""Check the promises of a model: `check_model(model)`, for models of genjax and of anybody else.

Each function below `CHECKS` states one promise and raises `AssertionError` where it is broken. They
share one `Trial`, so that a model is trained as few times as possible.
"""

import contextlib
import dataclasses
import json
import tempfile
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import genjax
from genjax.data import Dataset, from_arrays
from genjax.model import (
    Batch,
    CanClassify,
    CanDecode,
    CanReconstruct,
    Model,
    Params,
    from_json,
    registered_name,
    to_json,
)
from genjax.runs import checkpoints, run_folder
from genjax.training.configuration import Training
from genjax.training.step import compute_gradients

IMAGE_SHAPE = (8, 8, 1)
ODD_SHAPES = ((11, 9, 3), (13, 16, 2))
_TRAINING = Training(epochs=4, batch_size=16, ema_decay=0.9)
_SHORT = Training(epochs=1, batch_size=8)


def draw_blobs(
    num: int = 50, image_shape: tuple[int, int, int] = IMAGE_SHAPE, seed: int = 0
) -> Dataset:
    """Draw images of one bright spot each, labelled by the half that it lies in.

    >>> draw_blobs(3).images.shape
    (3, 8, 8, 1)
    """
    rng = np.random.default_rng(seed)
    height, width, channels = image_shape
    centres = rng.uniform(1, [height - 2, width - 2], (num, 2))
    rows, columns = np.mgrid[:height, :width]
    distance = (rows - centres[:, 0, None, None]) ** 2 + (columns - centres[:, 1, None, None]) ** 2
    images = np.repeat((255 * np.exp(-distance / 3)).astype(np.uint8)[..., None], channels, axis=3)
    labels = (centres[:, 0] > height / 2).astype(np.int32)
    return from_arrays(images, labels, ("top", "bottom"), name="blobs")


def are_same(left: Any, right: Any) -> bool:
    """Tell whether two pytrees are equal to the last bit.

    >>> are_same({"a": np.ones(2)}, {"a": np.ones(2)})
    True
    """
    return _have_same_structure(left, right) and all(
        np.array_equal(a, b)
        for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True)
    )


def _resize(model: Model, image_shape: tuple[int, ...]) -> Model:
    """Return the model for images of that shape, whatever its own is."""
    return dataclasses.replace(model, image_shape=()).for_images(image_shape)


class Trial:
    """A model on trial: a copy for images of 8x8 pixels, and what several checks need of it."""

    def __init__(self, model: Model, folder: Path, dataset: Dataset | None = None):
        self.dataset = dataset or draw_blobs()
        self.model = _resize(model, self.dataset.image_shape)
        self.folder = folder
        self.key = jax.random.key(0)

    def fit(self, name: str, on_epoch: Callable[[int, Params], None] | None = None) -> Params:
        """Train in a folder of that name for four epochs."""
        return genjax.fit(
            self.model,
            self.dataset,
            self.key,
            _TRAINING,
            out=self.folder / name,
            on_epoch=on_epoch,
            progress=False,
        )

    @cached_property
    def fresh(self) -> Params:
        """Parameters before training."""
        return self.model.init(self.key)

    @cached_property
    def trained(self) -> Params:
        """Parameters after four epochs; the run lies in the folder "whole"."""
        return self.fit("whole")


def check_specification(trial: Trial) -> None:
    """The model is hashable, and JSON gives the same model back."""
    restored = from_json(json.loads(json.dumps(to_json(trial.model))))
    assert restored == trial.model, f"from_json gives {restored}, not {trial.model}"
    assert hash(restored) == hash(trial.model), "the restored model has another hash"


def check_learning(trial: Trial) -> None:
    """Training moves every network of every player that has weights."""
    for player, networks in trial.model.players.items():
        for name in networks:
            before, after = (p.weights[name] for p in (trial.fresh, trial.trained))
            if jax.tree.leaves(before):
                assert not are_same(before, after), f"{player}: the network {name} stood still"


def check_samples(trial: Trial) -> None:
    """Samples are float32 images in [0, 1] that follow the key alone."""
    one, again, other = (genjax.sample(trial.trained, jax.random.key(k), 5) for k in (1, 1, 2))
    _check_images(one, (5, *trial.model.image_shape))
    assert are_same(one, again), "the same key gives other samples"
    assert not np.allclose(one, other), "another key gives the same samples"


def check_sizes(trial: Trial) -> None:
    """Images of odd sizes and of any number of channels can be trained on and sampled."""
    for shape in ODD_SHAPES:
        data = draw_blobs(19, shape)  # a batch of 8 does not divide it
        params = genjax.fit(_resize(trial.model, shape), data, trial.key, _SHORT, progress=False)
        _check_images(genjax.sample(params, trial.key, 5), (5, *shape))


def check_one_image(trial: Trial) -> None:
    """One image is a data set, but for a model that classifies."""
    if not isinstance(trial.model, CanClassify):
        genjax.fit(trial.model, trial.dataset.take(1), trial.key, _SHORT, progress=False)


def check_sampling_transforms(trial: Trial) -> None:
    """Sampling works under `jit` and `vmap`, over keys and over parameters."""
    keys = jax.random.split(trial.key, 3)
    each = [genjax.sample(trial.fresh, key, 2) for key in keys]
    together = jax.jit(jax.vmap(lambda key: genjax.sample(trial.fresh, key, 2)))(keys)
    np.testing.assert_allclose(together, np.stack(each), atol=1e-5)
    many = jax.vmap(trial.model.init)(keys)
    samples = jax.vmap(lambda params, key: genjax.sample(params, key, 2))(many, keys)
    assert samples.shape == (3, 2, *trial.model.image_shape)


def check_latent_transforms(trial: Trial) -> None:
    """Walks through the latents work under `jit` and `vmap`, for a model that decodes."""
    if not isinstance(trial.model, CanDecode):
        return
    params, images = trial.fresh, genjax.sample(trial.fresh, trial.key, 3)

    def walk(key: jax.Array) -> tuple[jax.Array, ...]:
        z = genjax.invert(params, images, key, starts=2, steps=2)
        warm = genjax.sample(params, key, 2, temperature=0.5)
        return z, warm, genjax.shift(params, z, z[0], jnp.ones(2)), genjax.traverse(params, z[0])

    keys = jax.random.split(trial.key, 2)
    for one, many in zip(walk(keys[1]), jax.jit(jax.vmap(walk))(keys), strict=True):
        np.testing.assert_allclose(one, many[1], rtol=1e-2, atol=1e-3)
        assert np.all(np.isfinite(one)), "a walk through the latents is not finite"


def check_encoding_transforms(trial: Trial) -> None:
    """Latent use and attribute vectors work under `jit` and `vmap`; densities can be fitted."""
    if not isinstance(trial.model, CanReconstruct):
        return
    params, key = trial.fresh, trial.key
    images = jax.random.uniform(key, (2, 7, *trial.model.image_shape))

    def look(images: jax.Array) -> tuple[jax.Array, ...]:
        use = genjax.latent_use(params, images, key)
        return use.amount, use.scale, genjax.attribute_vector(params, images[:3], images[3:])

    for one, many in zip(look(images[1]), jax.jit(jax.vmap(look))(images), strict=True):
        np.testing.assert_allclose(one, many[1], rtol=1e-3, atol=1e-4)
    density = genjax.fit_density(params, images[0], key, num_components=2)
    sample = jax.jit(jax.vmap(lambda k: genjax.sample(params, k, 2, 0.8, density)))
    assert sample(jax.random.split(key, 3)).shape == (3, 2, *trial.model.image_shape)


def check_losses(trial: Trial) -> None:
    """Every player has a scalar loss, and the gradient of its own loss alone."""
    params, data, model = trial.fresh, trial.dataset.take(8), trial.model
    batch = Batch(data.images / 255.0, data.labels)
    own, losses, _, stats = jax.jit(compute_gradients)(params, batch, trial.key)
    assert own.keys() == losses.keys() == model.players.keys(), "players without a loss"
    noise = model.draw_noise(batch, trial.key)
    for player, networks in model.players.items():
        assert losses[player].shape == (), f"the loss of {player} is no scalar"

        def loss(mine: dict[str, Any], player: str = player) -> jax.Array:
            weights = params.weights | mine
            return model.losses(params.replace(weights=weights), batch, noise)[0][player]

        alone = jax.jit(jax.grad(loss))({name: params.weights[name] for name in networks})
        for mine, expected in zip(
            jax.tree.leaves(own[player]), jax.tree.leaves(alone), strict=True
        ):
            np.testing.assert_allclose(mine, expected, rtol=1e-3, atol=1e-4)
    assert _have_same_structure(stats, params.stats), "other stats than before"


def check_files(trial: Trial) -> None:
    """A run's folder and a file of weights give the trained parameters back, to the last bit."""
    genjax.save(trial.folder / "weights.npz", trial.trained)
    for name in ("whole", "weights.npz"):
        loaded = genjax.load(trial.folder / name)
        assert loaded.model == trial.model, f"{name} holds another model"
        assert are_same(loaded, trial.trained), f"{name} holds other parameters"


class _Stopped(Exception):
    """Stands for whatever stops a run."""


def check_resuming(trial: Trial) -> None:
    """A run that was stopped resumes, and ends in the bits of the whole run."""

    def stop_in_third(epoch: int, _: Params) -> None:
        if epoch == 3:
            raise _Stopped

    whole, seen = trial.trained, []
    with _checkpoints_every_epoch():
        with contextlib.suppress(_Stopped):
            trial.fit("stopped", stop_in_third)
        resumed = trial.fit("stopped", lambda epoch, _: seen.append(epoch))
    assert seen == [3, 4], f"the resumed run did epochs {seen}, not 3 and 4"
    assert are_same(resumed, whole), "the resumed run ends in other parameters"
    lines = [_read_terms(trial.folder / name) for name in ("stopped", "whole")]
    assert lines[0] == lines[1], "the resumed run has other metrics"


def check_evaluation(trial: Trial) -> None:
    """Every metric is finite, and the record names the model and the images."""
    result = genjax.evaluate(
        trial.fresh, trial.dataset, trial.key, num_samples=3, num_images=7, progress=False
    )
    record = result.pop("record")
    wrong = [name for name, value in result.items() if not np.all(np.isfinite(value))]
    assert not wrong, f"metrics that are not finite: {wrong}"
    assert record["model"]["name"] == registered_name(trial.model)
    assert record["dataset"]["num_images"] == 7


CHECKS = (
    check_specification,
    check_learning,
    check_samples,
    check_sizes,
    check_one_image,
    check_sampling_transforms,
    check_latent_transforms,
    check_encoding_transforms,
    check_losses,
    check_files,
    check_resuming,
    check_evaluation,
)


def check_model(model: Model, dataset: Dataset | None = None) -> None:
    """Check everything that genjax promises of a registered model.

    The model is trained for a few epochs on 50 images of 8x8 pixels, or on `dataset`. Give it its
    smallest form (`Model.smallest()`): most of the time goes into compiling.

    Args:
        model: of any registered class, from genjax or from elsewhere.
        dataset: what it is trained on, where it needs other images than grey spots of two classes.

    Raises:
        AssertionError: names the promise that is broken, and how.
    """
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(model, Path(folder), dataset)
        for check in CHECKS:
            try:
                check(trial)
            except AssertionError as error:
                promise = (check.__doc__ or "").splitlines()[0]
                raise AssertionError(f"{promise} But: {error}") from error


def _have_same_structure(left: Any, right: Any) -> bool:
    structures: list[Any] = [jax.tree.structure(tree) for tree in (left, right)]
    return structures[0] == structures[1]


def _check_images(images: jax.Array, shape: tuple[int, ...]) -> None:
    assert images.shape == shape, f"samples have the shape {images.shape}, not {shape}"
    assert images.dtype == jnp.float32, f"samples are {images.dtype}"
    assert np.all((images >= 0) & (images <= 1)), "samples lie outside [0, 1]"


def _read_terms(folder: Path) -> list[dict[str, Any]]:
    """Return the metrics of a run without the times."""
    return [
        {name: value for name, value in line.items() if name not in run_folder.TIMES}
        for line in run_folder.read_metrics(folder)
    ]


@contextlib.contextmanager
def _checkpoints_every_epoch() -> Iterator[None]:
    """Keep a checkpoint of every epoch, however short."""
    usual, checkpoints.SECONDS_BETWEEN = checkpoints.SECONDS_BETWEEN, 0.0
    try:
        yield
    finally:
        checkpoints.SECONDS_BETWEEN = usual
