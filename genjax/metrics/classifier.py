"""A classifier of a data set's classes, trained here, that judges samples.

(1) h(x)     the features: the last hidden layer of a convolutional network, [D]
(2) p(c|x) = softmax(W h(x) + b)_c
(3) loss   = -log p(y|x'),   x' = x moved by up to 2 pixels each way, the border repeated
(4) p(100 r + 10 g + b | x) = p(r|x_R) p(g|x_G) p(b|x_B)     of stacked digits

(4) is the PacGAN protocol (Lin et al. 2018, arXiv:1712.04086): one classifier of digits,
applied to each channel. Images are not mirrored in (3): a mirrored digit is another or none.

No two machines train the same weights to the bit, so figures that depend on a judge are comparable
only where its `digest` is the same.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from genjax.checkpoint import filled, named_arrays
from genjax.configuration import Optimizer, Training
from genjax.data import Dataset
from genjax.data.stacked import LABEL_NAMES as STACKED_NAMES
from genjax.data.stacked import one_digit
from genjax.files import cache_folder, enable_compilation_cache, replace_file
from genjax.metrics.images import chunks
from genjax.nn.conv import Conv
from genjax.nn.networks import flatten
from genjax.train import fit
from genjax.types import Batch, Model, Params, Terms, UserError, Weights, check_fields

_IMAGES_AT_ONCE = 500
_IMAGES_SHOWN = 360_000  # in training: of MNIST's, six epochs
_MOST_EPOCHS = 40


class Network(nn.Module):
    """[N, H, W, C] -> logits [N, classes] and features [N, hidden]: strided convolutions."""

    channels: tuple[int, ...]
    hidden: int
    num_classes: int

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        x = 2.0 * x - 1.0
        for width in self.channels:
            x = nn.relu(Conv(width, kernel_size=3, stride=2)(x))
        features = nn.relu(nn.Dense(self.hidden)(flatten(x)))  # (1)
        return nn.Dense(self.num_classes)(features), features


@dataclass(frozen=True)
class Classifier(Model):
    """Trained as every model is, by `genjax.train.fit`, but no generative one: not registered.

    Attributes:
        num_classes: of the data set.
        channels: of the convolutions, each of stride 2.
        hidden: D, the number of features.
        largest_shift: pixels by which an image is moved in training.
    """

    num_classes: int = field(default=10, metadata={"least": 2})
    channels: tuple[int, ...] = (32, 64)
    hidden: int = 128
    largest_shift: int = field(default=2, metadata={"least": 0})

    players: ClassVar[Mapping[str, tuple[str, ...]]] = {"classifier": ("classifier",)}

    def check(self) -> None:
        """Raises `UserError` on a field that cannot be used; images may be of any size."""
        check_fields(self, "classifier")

    def networks(self) -> dict[str, tuple[nn.Module, tuple[int, ...]]]:
        network = Network(self.channels, self.hidden, self.num_classes)
        return {"classifier": (network, self.image_shape)}

    def losses(
        self, params: Params, batch: Batch, key: jax.Array
    ) -> tuple[dict[str, jax.Array], tuple[Terms, Weights]]:
        images = shifted(batch.images, key, self.largest_shift)
        logits, _ = self.apply(params, "classifier", images)
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, batch.labels)  # (3)
        right = jnp.argmax(logits, axis=1) == batch.labels
        return {"classifier": jnp.mean(loss)}, ({"accuracy": jnp.mean(right)}, params.stats)


def shifted(images: jax.Array, key: jax.Array, largest: int) -> jax.Array:
    """Each of the images [N, H, W, C] moved by -largest..largest rows and columns."""
    edge = (largest, largest)
    padded = jnp.pad(images, [(0, 0), edge, edge, (0, 0)], mode="edge")
    corners = jax.random.randint(key, (len(images), 2), 0, 2 * largest + 1)

    def cut(image: jax.Array, corner: jax.Array) -> jax.Array:
        return jax.lax.dynamic_slice(image, (corner[0], corner[1], 0), images.shape[1:])

    return jax.vmap(cut)(padded, corners)


@jax.jit
def _predict(params: Params, images: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(2) and (1): images [N, H, W, C] -> probabilities [N, classes], features [N, D]."""
    logits, features = params.model.apply(params, "classifier", images)
    return jax.nn.softmax(logits), features  # (2)


@jax.jit
def _predict_stacked(params: Params, images: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(4): images [N, H, W, 3] -> probabilities [N, 1000], features [N, 3 D]."""
    (r, g, b), features = jax.vmap(lambda channel: _predict(params, channel[..., None]))(
        jnp.moveaxis(images, -1, 0)
    )
    product = r[:, :, None, None] * g[:, None, :, None] * b[:, None, None, :]
    return flatten(product), flatten(jnp.moveaxis(features, 0, 1))


@dataclass(frozen=True, eq=False)
class Verdict:
    """What a judge sees in N images: `labels` int [N], the most probable classes; `confidence` [N],
    their probabilities; `features` [N, D], (1), of stacked digits [N, 3 D].
    """

    labels: np.ndarray
    confidence: np.ndarray
    features: np.ndarray


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["params"],
    meta_fields=["accuracy", "digest", "label_names", "stacked"],
)
@dataclass(frozen=True, eq=False)
class Judge:
    """A trained classifier. Images are float32 [N, H, W, C] in [0, 1], any number of them.

    A pytree, as `Params` are: `predict` works under `jit`. The others go over chunks of images.

    Attributes:
        params: of the `Classifier`.
        accuracy: share of the test set's images that it is right about.
        digest: the beginning of the sha256 over the weights.
        label_names: of the classes.
        stacked: whether it judges three stacked digits by a classifier of one, (4).
    """

    params: Params
    accuracy: float
    digest: str
    label_names: tuple[str, ...]
    stacked: bool = False

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Of the images that it judges: (height, width, channels)."""
        height, width, channels = self.params.model.image_shape
        return height, width, 3 if self.stacked else channels

    def predict(self, images: jax.Array) -> tuple[jax.Array, jax.Array]:
        """(2) or (4), [N, classes], and (1), [N, D], of all images at once."""
        return (_predict_stacked if self.stacked else _predict)(self.params, images)

    def verdict(self, images: jax.Array) -> Verdict:
        """All that it sees, in one pass."""
        return Verdict(*self._each(images, _decide))

    def probabilities(self, images: jax.Array) -> np.ndarray:
        """(2) or (4): [N, classes]."""
        return self._each(images, lambda probabilities, _: (probabilities,))[0]

    def features(self, images: jax.Array) -> np.ndarray:
        """(1): [N, D]; of stacked digits [N, 3 D]."""
        return self._each(images, lambda _, features: (features,))[0]

    def _each(
        self, images: jax.Array, choose: Callable[[jax.Array, jax.Array], tuple[jax.Array, ...]]
    ) -> list[np.ndarray]:
        """What `choose` takes of the probabilities and features, a chunk of images at a time."""
        parts = [
            [np.asarray(part)[:real] for part in choose(*self.predict(images[index]))]
            for index, real in chunks(len(images), _IMAGES_AT_ONCE)
        ]
        return [np.concatenate(part) for part in zip(*parts, strict=True)]


@jax.jit
def _decide(probabilities: jax.Array, features: jax.Array) -> tuple[jax.Array, ...]:
    return jnp.argmax(probabilities, axis=1), jnp.max(probabilities, axis=1), features


def judge(train_set: Dataset, test_set: Dataset, progress: bool = True) -> Judge:
    """A classifier of `train_set`'s classes, trained at the first call, then kept in a cache.

    It is kept in the user's cache folder (or GENJAX_CACHE_DIR), under a name that is made of the
    training set's checksum and the classifier's specification. Training shows it 360,000 images,
    at most 40 epochs: a minute on two CPU cores. For stacked digits it is a classifier of one,
    trained on their first channel, in which every digit occurs once.

    Args:
        test_set: on which the accuracy is measured.
        progress: show a bar.

    Raises:
        UserError: where the training set has no labels or fewer than two classes, or the sets have
            not the same classes or shape of images.
    """
    _check_sets(train_set, test_set)
    if train_set.label_names == STACKED_NAMES:
        of_digits = judge(one_digit(train_set), one_digit(test_set), progress)
        of_three = replace(of_digits, label_names=STACKED_NAMES, stacked=True)
        return replace(of_three, accuracy=_accuracy(of_three, test_set))
    enable_compilation_cache()
    model = Classifier(train_set.image_shape, num_classes=len(train_set.label_names))
    training = _training(len(train_set))
    specification = repr((train_set.checksum, model, training))
    name = f"{hashlib.sha256(specification.encode()).hexdigest()[:16]}.npz"
    path = cache_folder() / "classifiers" / name
    known = _read(path, model)
    if known and known[1] == test_set.checksum:
        return _judge(known[0], train_set, accuracy=known[2])
    if known:
        params = known[0]
    else:
        params = fit(model, train_set, jax.random.key(0), training, progress=progress)
    accuracy = _accuracy(_judge(params, train_set), test_set)
    _write(path, params, test_set.checksum, accuracy)
    return _judge(params, train_set, accuracy)


def _check_sets(train_set: Dataset, test_set: Dataset) -> None:
    name, names = train_set.name, train_set.label_names
    if len(names) < 2 or len(np.unique(train_set.labels)) < 2:
        raise UserError(
            f"{name} ({train_set.split}) has no labels of two or more classes, which a classifier"
            " needs. Measure without one, or give labels and label_names to from_arrays."
        )
    if test_set.label_names != names or test_set.image_shape != train_set.image_shape:
        raise UserError(
            f"{test_set.name} ({test_set.split}) has other classes or another shape of images than"
            f" {name} ({train_set.split}): give two splits of one data set."
        )
    for dataset in (train_set, test_set):
        labels = np.asarray(dataset.labels)
        if labels.min() < 0 or labels.max() >= len(names):
            raise UserError(
                f"{dataset.name} ({dataset.split}) has labels from {labels.min()} to"
                f" {labels.max()}, but {len(names)} label_names: labels count from 0."
            )


def _training(num_images: int) -> Training:
    return Training(
        epochs=max(1, min(_MOST_EPOCHS, round(_IMAGES_SHOWN / num_images))),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, schedule="cosine", warmup_steps=200, weight_decay=0.02
        ),
    )


def _judge(params: Params, dataset: Dataset, accuracy: float = 0.0) -> Judge:
    return Judge(params, accuracy, _digest(params), dataset.label_names)


def _accuracy(judge: Judge, dataset: Dataset) -> float:
    labels = judge.verdict(dataset.images / np.float32(255)).labels
    return float(np.mean(labels == np.asarray(dataset.labels)))


def _digest(params: Params) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(named_arrays(params.weights).items()):
        digest.update(f"{name} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array, "<f4").data)
    return digest.hexdigest()[:12]


def _write(path: Path, params: Params, test_checksum: str, accuracy: float) -> None:
    about = {
        "digest": np.array(_digest(params)),
        "test": np.array(test_checksum),
        "accuracy": np.array(accuracy),
    }
    arrays = about | named_arrays({"weights": params.weights})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, lambda file: np.savez(file, allow_pickle=False, **arrays))
    except OSError:
        pass  # no room or no right to write: the next call trains again


def _read(path: Path, model: Model) -> tuple[Params, str, float] | None:
    """The parameters, the test set's checksum and the accuracy on it; None without a whole file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        shapes = jax.eval_shape(model.init, jax.random.key(0))
        params = Params(**filled({"weights": shapes.weights}, arrays, path), stats={}, model=model)
        if _digest(params) == str(arrays["digest"]):
            return params, str(arrays["test"]), float(arrays["accuracy"])
    except Exception:  # a missing or damaged file: each kind of damage raises an error of its own
        pass
    return None
