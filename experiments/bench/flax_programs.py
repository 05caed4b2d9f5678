"""The models as a Flax tutorial would write them.

They use flax.linen's layers, and one jitted step for every batch, which comes from the host's
memory.
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.bench.cases import NUM_SAMPLES, Case, Program

Step = Callable[[Any, Any, jax.Array], tuple[Any, jax.Array]]  # of (state, x, key)
SMALL = nn.initializers.normal(0.02)  # of convolutional players (DCGAN, section 4)
# of transposed convolutions of stride 2: an output sums a quarter of the kernel's products
QUARTER = nn.initializers.variance_scaling(4.0, "fan_in", "truncated_normal")


def make_program(case: Case, dataset: Any, key: Any, steps: int) -> Program:
    """Make the program: `steps` steps per epoch over the uint8 images of `dataset`."""
    state, step, sample = make_step(case, key)
    images = np.asarray(dataset.images)
    rng, count = np.random.default_rng(0), 0

    def train() -> float:
        nonlocal state, count
        order, losses = rng.permutation(len(images)), []
        for i in range(steps):
            x = images[order[i * case.batch : (i + 1) * case.batch]].astype(np.float32) / 255.0
            count += 1
            state, loss = step(state, x, jax.random.fold_in(key, count))
            losses.append(loss)
        return float(np.mean(losses))

    def draw() -> None:
        noise = jax.random.normal(jax.random.key(1), (NUM_SAMPLES, case.model.latent_dim))
        sample(state, noise).block_until_ready()

    return Program(train, draw)


def make_step(case: Case, key: Any) -> tuple[Any, Step, Callable]:
    """Return the first state, the step, and the sampler, which takes a state and latents."""
    return {"vae": _vae, "vae_gan": _vae_gan, "gan": _gan}[case.kind](case, key)


class Encoder(nn.Module):
    channels: tuple[int, ...]
    hidden: int
    latent_dim: int

    @nn.compact
    def __call__(self, x):
        for features in self.channels:
            x = nn.relu(nn.Conv(features, (4, 4), strides=2)(x))
        x = nn.relu(nn.Dense(self.hidden)(x.reshape(len(x), -1)))
        return jnp.split(nn.Dense(2 * self.latent_dim)(x), 2, axis=1)


class Decoder(nn.Module):
    channels: tuple[int, ...]
    hidden: int
    image_shape: tuple[int, ...]

    @nn.compact
    def __call__(self, z):
        height, width, image_channels = self.image_shape
        z = nn.relu(nn.Dense(self.hidden)(z))
        if not self.channels:
            return nn.Dense(height * width * image_channels)(z).reshape(-1, *self.image_shape)
        small = (height // 2 ** len(self.channels), width // 2 ** len(self.channels))
        x = nn.relu(nn.Dense(small[0] * small[1] * self.channels[-1])(z))
        x = x.reshape(-1, *small, self.channels[-1])
        for features in self.channels[-2::-1]:
            x = nn.relu(self.enlarge(features)(x))
        return self.enlarge(image_channels)(x)

    def enlarge(self, features: int) -> nn.Module:
        return nn.ConvTranspose(features, (4, 4), strides=(2, 2), kernel_init=QUARTER)


def _coders(model: Any) -> tuple[Any, Any]:
    channels = model.channels if model.network == "conv" else ()
    return (
        Encoder(channels, model.hidden[0], model.latent_dim),
        Decoder(channels, model.hidden[0], model.image_shape),
    )


def _latents(statistics, key):
    """Draw z ~ q(z|x), and compute KL(q || p), the mean over the images."""
    mean, log_scale = statistics
    z = mean + jnp.exp(log_scale) * jax.random.normal(key, mean.shape)
    rate = 0.5 * jnp.sum(mean**2 + jnp.exp(2 * log_scale) - 1 - 2 * log_scale) / len(mean)
    return z, rate


def _vae(case: Case, key: Any) -> tuple[Any, Step, Callable]:
    model, optimizer = case.model, optax.adam(case.optimizer.learning_rate, case.optimizer.b1)
    encoder, decoder = _coders(model)
    weights = {
        "encoder": encoder.init(key, jnp.zeros((1, *model.image_shape))),
        "decoder": decoder.init(key, jnp.zeros((1, model.latent_dim))),
    }

    def loss_of(weights, x, key):
        key_x, key_z = jax.random.split(key)
        if model.binarize:
            x = jax.random.bernoulli(key_x, x).astype(jnp.float32)
        z, rate = _latents(encoder.apply(weights["encoder"], x), key_z)
        logits = decoder.apply(weights["decoder"], z)
        return jnp.sum(optax.sigmoid_binary_cross_entropy(logits, x)) / len(x) + rate

    @jax.jit
    def step(state, x, key):
        weights, opt_state = state
        loss, gradient = jax.value_and_grad(loss_of)(weights, x, key)
        change, opt_state = optimizer.update(gradient, opt_state)
        return (optax.apply_updates(weights, change), opt_state), loss

    sample = jax.jit(lambda state, z: nn.sigmoid(decoder.apply(state[0]["decoder"], z)))
    return (weights, optimizer.init(weights)), step, sample


def _norm(x, train):
    return nn.BatchNorm(use_running_average=not train, momentum=0.9)(x)


class Generator(nn.Module):
    model: Any

    @nn.compact
    def __call__(self, z, train=True):
        height, width, channels = self.model.image_shape
        if not hasattr(self.model, "width"):
            for features in self.model.hidden:
                z = nn.relu(_norm(nn.Dense(features, use_bias=False)(z), train))
            x = nn.tanh(nn.Dense(height * width * channels)(z))
            return x.reshape(-1, height, width, channels)
        deepest = self.model.widths[-1]
        x = nn.Dense(4 * 4 * deepest, use_bias=False, kernel_init=SMALL)(z)
        x = nn.relu(_norm(x.reshape(-1, 4, 4, deepest), train))
        for features in self.model.widths[-2::-1]:
            up = nn.ConvTranspose(
                features, (4, 4), strides=(2, 2), use_bias=False, kernel_init=SMALL
            )
            x = nn.relu(_norm(up(x), train))
        last = nn.ConvTranspose(channels, (4, 4), strides=(2, 2), kernel_init=SMALL)
        return nn.tanh(last(x))


class MLPDiscriminator(nn.Module):
    """Return the scores, and None."""

    hidden: tuple[int, ...]

    @nn.compact
    def __call__(self, x, train=True):
        x = x.reshape(len(x), -1)
        for features in self.hidden:
            x = nn.leaky_relu(nn.Dense(features)(x), 0.2)
        return nn.Dense(1)(x)[:, 0], None


class Discriminator(nn.Module):
    """Return the scores, and the output of the second convolution."""

    widths: tuple[int, ...]
    normalized: bool

    @nn.compact
    def __call__(self, x, train=True):
        for index, features in enumerate(self.widths):
            plain = not (index and self.normalized)
            x = nn.Conv(features, (4, 4), strides=2, use_bias=plain, kernel_init=SMALL)(x)
            if index == 1:
                second = x
            x = nn.leaky_relu(x if plain else _norm(x, train), 0.2)
        scores = nn.Dense(1, kernel_init=SMALL)(x.reshape(len(x), -1))[:, 0]
        return scores, second


def _gan(case: Case, key: Any) -> tuple[Any, Step, Callable]:
    """Make the step of a GAN: the discriminator is updated before the generator."""
    model = case.model
    generator: Any = Generator(model)
    if hasattr(model, "width"):
        discriminator: Any = Discriminator(model.widths, normalized=True)
    else:
        discriminator = MLPDiscriminator(model.discriminator_hidden)
    optimizer = optax.adam(case.optimizer.learning_rate, case.optimizer.b1)
    g = generator.init(key, jnp.zeros((1, model.latent_dim)))
    d = discriminator.init(key, jnp.zeros((1, *model.image_shape)))

    def run(network, weights, variables, *inputs):
        out, new = network.apply({**variables, "params": weights}, *inputs, mutable=["batch_stats"])
        return out, {**variables, **new}

    @jax.jit
    def step(state, x, key):
        g, d, g_state, d_state = state
        z = jax.random.normal(key, (len(x), model.latent_dim))
        fake, _ = run(generator, g["params"], g, z)

        def d_loss(weights):
            real_out, new = run(discriminator, weights, d, 2 * x - 1)
            fake_out, new = run(discriminator, weights, new, fake)
            return jnp.mean(nn.softplus(-real_out[0]) + nn.softplus(fake_out[0])), new

        (loss, d), gradient = jax.value_and_grad(d_loss, has_aux=True)(d["params"])
        change, d_state = optimizer.update(gradient, d_state)
        d = {**d, "params": optax.apply_updates(d["params"], change)}

        def g_loss(weights):
            fake, new = run(generator, weights, g, z)
            out, _ = run(discriminator, d["params"], d, fake)
            return jnp.mean(nn.softplus(-out[0])), new

        gradient, g = jax.grad(g_loss, has_aux=True)(g["params"])
        change, g_state = optimizer.update(gradient, g_state)
        g = {**g, "params": optax.apply_updates(g["params"], change)}
        return (g, d, g_state, d_state), loss

    @jax.jit
    def sample(state, z):
        return (generator.apply(state[0], z, train=False) + 1) / 2

    return (g, d, optimizer.init(g["params"]), optimizer.init(d["params"])), step, sample


def _vae_gan(case: Case, key: Any) -> tuple[Any, Step, Callable]:
    """Make the step of a VAE-GAN: all players at once, each along the gradient of its own loss."""
    model, optimizer = case.model, optax.adam(case.optimizer.learning_rate, case.optimizer.b1)
    encoder, decoder = _coders(model)
    width = model.discriminator_width
    discriminator: Any = Discriminator((width, 2 * width, 4 * width), normalized=False)
    image, z = jnp.zeros((1, *model.image_shape)), jnp.zeros((1, model.latent_dim))
    weights = {
        "encoder": encoder.init(key, image),
        "decoder": decoder.init(key, z),
        "discriminator": discriminator.init(key, image),
    }

    def losses_of(weights, x, key):
        key_z, key_p = jax.random.split(key)
        z, rate = _latents(encoder.apply(weights["encoder"], x), key_z)
        z_p = jax.random.normal(key_p, z.shape)
        real, features = discriminator.apply(weights["discriminator"], 2 * x - 1)
        scores: list[Any] = []
        rec: Any = 0.0
        for latents in (z_p, z):  # the reconstructions last
            image = nn.sigmoid(decoder.apply(weights["decoder"], latents))
            score, seen = discriminator.apply(weights["discriminator"], 2 * image - 1)
            rec = 0.5 * jnp.sum((seen - features) ** 2) / len(x)
            scores.append(score)
        fake = jnp.concatenate(scores)
        return {
            "encoder": model.beta * rate + rec,
            "decoder": rec + jnp.mean(nn.softplus(-fake)),
            "discriminator": jnp.mean(nn.softplus(-real)) + jnp.mean(nn.softplus(fake)),
        }

    @jax.jit
    def step(state, x, key):
        weights, opt_state = state

        def loss_of(mine, player):
            losses = losses_of({**weights, player: mine}, x, key)
            return losses[player], losses["discriminator"]

        gradient = {}
        for player, mine in weights.items():
            gradient[player], loss = jax.grad(loss_of, has_aux=True)(mine, player)
        change, opt_state = optimizer.update(gradient, opt_state)
        return (optax.apply_updates(weights, change), opt_state), loss

    sample = jax.jit(lambda state, z: nn.sigmoid(decoder.apply(state[0]["decoder"], z)))
    return (weights, optimizer.init(weights)), step, sample
