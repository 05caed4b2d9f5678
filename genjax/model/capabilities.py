"""What a model can do beside sampling: a protocol for each capability.

A model has a capability if it has the protocol's methods. A subclass that must not offer an
inherited one sets the method to None.
"""

from typing import Protocol, TypeVar, runtime_checkable

from jaxtyping import Array, Float, Int, PRNGKeyArray, UInt8

from genjax.distributions import Normal
from genjax.errors import MissingCapability
from genjax.model.base import Model, registered_name
from genjax.model.params import Params
from genjax.model.registry import find_models

# The first line of each docstring completes "the model cannot ...". Images are [N, H, W, C] in
# [0, 1]; a method may take `labels`, int [N], as its last argument (see `with_labels`).


@runtime_checkable
class CanDecode(Protocol):
    """decode latents into images"""

    image_shape: tuple[int, ...]
    latent_dim: int

    def decode(self, params: Params, z: Float[Array, "n d"]) -> Float[Array, "n h w c"]: ...

    def sample_latents(
        self,
        params: Params,
        key: PRNGKeyArray,
        num: int,
        temperature: Float[Array, ""] | float = 1.0,
    ) -> Float[Array, "num d"]: ...


@runtime_checkable
class CanEncode(Protocol):
    """encode images into latents"""

    latent_dim: int

    def encode(self, params: Params, images: Float[Array, "n h w c"]) -> Float[Array, "n d"]: ...


@runtime_checkable
class CanReconstruct(CanEncode, CanDecode, Protocol):
    """encode images and decode them again"""


@runtime_checkable
class CanClassify(Protocol):
    """classify images"""

    def classify(self, params: Params, images: Float[Array, "n h w c"]) -> Float[Array, "n k"]: ...


@runtime_checkable
class CanScore(Protocol):
    """score images by a discriminator"""

    def score(
        self,
        params: Params,
        images: Float[Array, "n h w c"],
        labels: Int[Array, " n"] | None = None,
    ) -> Float[Array, " n"]: ...


@runtime_checkable
class HasChanceLevels(Protocol):
    """tell the level of chance of its losses

    `chance_levels` gives terms of the training, by name, the value that they have where the
    discriminator cannot tell samples from real images. Curves draw them as lines.
    """

    def chance_levels(self) -> dict[str, float]: ...


@runtime_checkable
class HasFrozenFeatures(Protocol):
    """learn from the features of a trained classifier, which cannot judge the samples"""

    def frozen_features(self) -> Params: ...
    def pool_features(self, images: Float[Array, "n h w c"]) -> Float[Array, "n d"]: ...


@runtime_checkable
class Observes(Protocol):
    """draw the x on which its likelihood is defined"""

    def observe(
        self, images: Float[Array, "n h w c"], key: PRNGKeyArray
    ) -> Float[Array, "n h w c"]: ...


@runtime_checkable
class HasPosterior(Observes, Protocol):
    """give a posterior q(z|x)"""

    def posterior(self, params: Params, x: Float[Array, "n h w c"]) -> Normal: ...


@runtime_checkable
class HasBound(Observes, Protocol):
    """bound the likelihood of images

    `distortion_and_rate` are the two halves of the negative ELBO; `log_weights` are log w [num, N]
    of `num` draws for each image, with log p(x) >= E[log mean w]. All in nats.
    """

    def distortion_and_rate(
        self, params: Params, x: Float[Array, "n h w c"], key: PRNGKeyArray
    ) -> tuple[Float[Array, " n"], Float[Array, " n"]]: ...

    def log_weights(
        self, params: Params, x: Float[Array, "n h w c"], key: PRNGKeyArray, num: int
    ) -> Float[Array, "num n"]: ...


@runtime_checkable
class HasLatentRate(Protocol):
    """tell the rate of each latent

    In nats, for each image; the sum over the latents is the rate of `distortion_and_rate`. A model
    whose rate does not fall apart into those of its latents declines: it lacks the method, or sets
    `latent_rate = None`.
    """

    def latent_rate(
        self, params: Params, images: Float[Array, "n h w c"], key: PRNGKeyArray
    ) -> Float[Array, "n d"]: ...


@runtime_checkable
class HasLogProb(Protocol):
    """compute the exact likelihood of images

    `log_prob` is log p(x), in nats, of each image as it is, or as `observe` returns it where the
    model has that method. It is exact: a bound belongs into `HasBound`.

    A model whose likelihood is a probability of bytes, not a density, says so by an attribute
    `likelihood_of_bytes = True`; `evaluate` then reports bits per dimension.
    """

    def log_prob(self, params: Params, x: Float[Array, "n h w c"]) -> Float[Array, " n"]: ...


@runtime_checkable
class EstimatesLogProb(Protocol):
    """estimate the likelihood of images

    `estimate_log_prob` returns two or more estimates of log p(x) of each image, in nats. Their mean
    has no bias, and their spread tells its error; `evaluate` reports both. The attribute
    `likelihood_of_bytes` is that of `HasLogProb`.
    """

    def estimate_log_prob(
        self, params: Params, x: Float[Array, "n h w c"], key: PRNGKeyArray
    ) -> Float[Array, "draws n"]: ...


@runtime_checkable
class SamplesInSteps(Protocol):
    """sample in a number of steps (its field num_steps)"""

    num_steps: int


@runtime_checkable
class HasMetrics(Protocol):
    """measure metrics of its own

    `image_metrics` returns a value for each image under each metric's name. `evaluate` reports the
    means with their standard errors.
    """

    def image_metrics(
        self,
        params: Params,
        images: Float[Array, "n h w c"],
        labels: Int[Array, " n"],
        key: PRNGKeyArray,
    ) -> dict[str, Float[Array, " n"]]: ...


@runtime_checkable
class HasEquations(Protocol):
    """say its losses as equations

    `equations` are pairs of a formula, as plain text that `genjax.plots.mathml` sets, and what it
    is: first the losses, then the terms in them. A run's page shows them; without, the docstring.
    """

    def equations(self) -> list[tuple[str, str]]: ...


@runtime_checkable
class ClassConditional(Protocol):
    """sample images of a class (it needs num_classes)"""

    num_classes: int

    def condition_latents(
        self, z: Float[Array, "n d"], labels: Int[Array, " n"]
    ) -> Float[Array, "n d"]: ...


@runtime_checkable
class Resamples(Protocol):
    """resample the data by the density of its latents"""

    def probabilities(
        self,
        params: Params,
        images: UInt8[Array, "n h w c"],
        labels: Int[Array, " n"],
        progress: Float[Array, ""] | float,
    ) -> Float[Array, " n"]: ...


Capability = TypeVar("Capability")


def require(model: Model, capability: type[Capability]) -> Capability:
    """Return `model` if it has the capability, one of the protocols above.

    Raises:
        MissingCapability: where it has not, with the names of the models that have.
    """
    if isinstance(model, capability):
        return model
    able = [name for name, cls in find_models().items() if isinstance(cls(), capability)]
    what = (capability.__doc__ or "").splitlines()[0]
    raise MissingCapability(
        f"the model {registered_name(model)!r} cannot {what};"
        f" models that can: {', '.join(able) or 'none'}."
    )
