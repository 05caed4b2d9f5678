"""The programs that `bench` measures genjax against: the same models, written as usual.

Each takes a case, a data set, a key and a number of steps, and gives a function that trains for so
many steps and returns the mean loss (of a GAN, the discriminator's).
"""

from collections.abc import Callable
from importlib import import_module
from itertools import pairwise
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax


def flax_vae(case: Any, dataset: Any, key: Any, steps: int) -> Callable[[], float]:
    """One model and one size, as a Flax tutorial would."""
    model = case.model

    class Network(nn.Module):
        @nn.compact
        def __call__(self, x, key):
            conv = model.network == "conv"
            h = x
            if conv:
                h = nn.relu(nn.Conv(32, (4, 4), strides=2)(h))
                h = nn.relu(nn.Conv(64, (4, 4), strides=2)(h))
            h = nn.relu(nn.Dense(model.hidden[0])(h.reshape(len(h), -1)))
            mean, log_scale = jnp.split(nn.Dense(2 * model.latent_dim)(h), 2, axis=1)
            z = mean + jnp.exp(log_scale) * jax.random.normal(key, mean.shape)
            h = nn.relu(nn.Dense(model.hidden[0])(z))
            if conv:
                h = nn.relu(nn.Dense(7 * 7 * 64)(h)).reshape(-1, 7, 7, 64)
                h = nn.relu(nn.ConvTranspose(32, (4, 4), strides=(2, 2))(h))
                return nn.ConvTranspose(1, (4, 4), strides=(2, 2))(h), mean, log_scale
            return nn.Dense(784)(h).reshape(x.shape), mean, log_scale

    network, optimizer = Network(), optax.adam(1e-3)
    images = np.asarray(dataset.images)
    weights = network.init(key, jnp.zeros((1, 28, 28, 1)), key)
    opt_state = optimizer.init(weights)

    def loss_of(weights, x, key):
        key_x, key_z = jax.random.split(key)
        if model.binarize:
            x = jax.random.bernoulli(key_x, x).astype(jnp.float32)
        logits, mean, log_scale = network.apply(weights, x, key_z)  # type: ignore[misc]
        distortion = jnp.sum(optax.sigmoid_binary_cross_entropy(logits, x)) / len(x)
        rate = 0.5 * jnp.sum(mean**2 + jnp.exp(2 * log_scale) - 1 - 2 * log_scale) / len(x)
        return distortion + rate

    @jax.jit
    def step(weights, opt_state, x, key):
        loss, gradient = jax.value_and_grad(loss_of)(weights, x, key)
        change, opt_state = optimizer.update(gradient, opt_state)
        return optax.apply_updates(weights, change), opt_state, loss

    rng, count = np.random.default_rng(0), 0

    def run() -> float:
        nonlocal weights, opt_state, count
        order, losses = rng.permutation(len(images)), []
        for i in range(steps):
            x = images[order[i * case.batch : (i + 1) * case.batch]].astype(np.float32) / 255.0
            count += 1
            weights, opt_state, loss = step(weights, opt_state, x, jax.random.fold_in(key, count))
            losses.append(loss)
        return float(np.mean(losses))

    return run


def flax_gan(case: Any, dataset: Any, key: Any, steps: int) -> Callable[[], float]:
    """GAN and DCGAN, the discriminator's update before the generator's."""
    height, width, channels = case.model.image_shape
    convolutional = hasattr(case.model, "width")
    init = nn.initializers.normal(0.02)

    def norm(x, train):
        return nn.BatchNorm(use_running_average=not train, momentum=0.9)(x)

    class Generator(nn.Module):
        @nn.compact
        def __call__(self, z, train=True):
            if not convolutional:
                for features in case.model.hidden:
                    z = nn.relu(norm(nn.Dense(features)(z), train))
                return nn.tanh(nn.Dense(height * width * channels)(z)).reshape(
                    -1, height, width, channels
                )
            deepest = case.model.widths[-1]
            x = nn.Dense(4 * 4 * deepest, use_bias=False, kernel_init=init)(z)
            x = nn.relu(norm(x.reshape(-1, 4, 4, deepest), train))
            for features in case.model.widths[-2::-1]:
                up = nn.ConvTranspose(
                    features, (4, 4), strides=(2, 2), use_bias=False, kernel_init=init
                )
                x = nn.relu(norm(up(x), train))
            return nn.tanh(nn.ConvTranspose(channels, (4, 4), strides=(2, 2), kernel_init=init)(x))

    class Discriminator(nn.Module):
        @nn.compact
        def __call__(self, x, train=True):
            if not convolutional:
                x = x.reshape(len(x), -1)
                for features in case.model.discriminator_hidden:
                    x = nn.leaky_relu(nn.Dense(features)(x), 0.2)
                return nn.Dense(1)(x)[:, 0]
            for index, features in enumerate(case.model.widths):
                x = nn.Conv(features, (4, 4), strides=2, use_bias=not index, kernel_init=init)(x)
                x = nn.leaky_relu(norm(x, train) if index else x, 0.2)
            return nn.Dense(1, kernel_init=init)(x.reshape(len(x), -1))[:, 0]

    generator, discriminator = Generator(), Discriminator()
    optimizer = optax.adam(case.optimizer.learning_rate, b1=case.optimizer.b1)
    z = jnp.zeros((1, case.model.latent_dim))
    g = generator.init(key, z)
    d = discriminator.init(key, generator.apply(g, z, mutable=["batch_stats"])[0])
    g_state, d_state = optimizer.init(g["params"]), optimizer.init(d["params"])

    def run_network(network, weights, variables, *inputs):
        out, changed = network.apply(
            {**variables, "params": weights}, *inputs, mutable=["batch_stats"]
        )
        return out, {**variables, **changed}

    @jax.jit
    def step(g, d, g_state, d_state, x, key):
        z = jax.random.normal(key, (len(x), case.model.latent_dim))
        fake, _ = run_network(generator, g["params"], g, z)

        def d_loss(weights):
            real_score, new = run_network(discriminator, weights, d, x)
            fake_score, new = run_network(discriminator, weights, new, fake)
            return jnp.mean(nn.softplus(-real_score) + nn.softplus(fake_score)), new

        (loss, d), gradient = jax.value_and_grad(d_loss, has_aux=True)(d["params"])
        change, d_state = optimizer.update(gradient, d_state)
        d = {**d, "params": optax.apply_updates(d["params"], change)}

        def g_loss(weights):
            fake, new = run_network(generator, weights, g, z)
            score, _ = run_network(discriminator, d["params"], d, fake)
            return jnp.mean(nn.softplus(-score)), new

        gradient, g = jax.grad(g_loss, has_aux=True)(g["params"])
        change, g_state = optimizer.update(gradient, g_state)
        g = {**g, "params": optax.apply_updates(g["params"], change)}
        return g, d, g_state, d_state, loss

    images, rng, count = np.asarray(dataset.images), np.random.default_rng(0), 0

    def run() -> float:
        nonlocal g, d, g_state, d_state, count
        order, losses = rng.permutation(len(images)), []
        for i in range(steps):
            x = images[order[i * case.batch : (i + 1) * case.batch]].astype(np.float32) / 127.5 - 1
            count += 1
            g, d, g_state, d_state, loss = step(
                g, d, g_state, d_state, x, jax.random.fold_in(key, count)
            )
            losses.append(loss)
        return float(np.mean(losses))

    return run


def pytorch_gan(case: Any, dataset: Any, key: Any, steps: int) -> Callable[[], float]:
    """GAN and DCGAN in eager float32, channels last, the images in memory."""
    torch: Any = import_module("torch")  # no dependency of genjax
    layers, softplus = torch.nn, torch.nn.functional.softplus
    del key
    torch.manual_seed(0)
    height, width, channels = case.model.image_shape
    latent_dim = case.model.latent_dim
    if hasattr(case.model, "width"):
        *_, deepest = widths = case.model.widths
        stack = [
            layers.Linear(latent_dim, 4 * 4 * deepest, bias=False),
            layers.Unflatten(1, (deepest, 4, 4)),
            layers.BatchNorm2d(deepest),
            layers.ReLU(),
        ]
        for before, after in pairwise(widths[::-1]):
            up = layers.ConvTranspose2d(before, after, 4, 2, 1, bias=False)
            stack += [up, layers.BatchNorm2d(after), layers.ReLU()]
        stack += [layers.ConvTranspose2d(widths[0], channels, 4, 2, 1), layers.Tanh()]
        score: list[Any] = [layers.Conv2d(channels, widths[0], 4, 2, 1), layers.LeakyReLU(0.2)]
        for before, after in pairwise(widths):
            down = layers.Conv2d(before, after, 4, 2, 1, bias=False)
            score += [down, layers.BatchNorm2d(after), layers.LeakyReLU(0.2)]
        score += [layers.Flatten(), layers.Linear(4 * 4 * deepest, 1)]
    else:
        stack, score, before = [], [layers.Flatten()], latent_dim
        for after in case.model.hidden:
            stack += [layers.Linear(before, after), layers.BatchNorm1d(after), layers.ReLU()]
            before = after
        pixels = height * width * channels
        stack += [layers.Linear(before, pixels), layers.Tanh()]
        stack += [layers.Unflatten(1, (channels, height, width))]
        before = pixels
        for after in case.model.discriminator_hidden:
            score += [layers.Linear(before, after), layers.LeakyReLU(0.2)]
            before = after
        score += [layers.Linear(before, 1)]
    generator = layers.Sequential(*stack).to(memory_format=torch.channels_last)
    discriminator = layers.Sequential(*score).to(memory_format=torch.channels_last)
    rate, betas = case.optimizer.learning_rate, (case.optimizer.b1, case.optimizer.b2)
    g_optimizer = torch.optim.Adam(generator.parameters(), rate, betas)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), rate, betas)
    images = torch.from_numpy(np.array(dataset.images)).permute(0, 3, 1, 2)

    def run() -> float:
        order, losses = torch.randperm(len(images)), []
        for i in range(steps):
            x = images[order[i * case.batch : (i + 1) * case.batch]].float() / 127.5 - 1
            fake = generator(torch.randn(len(x), latent_dim))
            d_optimizer.zero_grad()
            loss = (
                softplus(-discriminator(x)).mean() + softplus(discriminator(fake.detach())).mean()
            )
            loss.backward()
            d_optimizer.step()
            g_optimizer.zero_grad()
            softplus(-discriminator(fake)).mean().backward()
            g_optimizer.step()
            losses.append(loss.item())
        return float(np.mean(losses))

    return run
