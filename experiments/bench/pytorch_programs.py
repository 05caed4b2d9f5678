"""The models as the usual PyTorch program writes them.

They are modules, channels last, with the images in memory; eager or compiled, in float32 or with
bfloat16 products. On a GPU products in float32 are rounded to TF32, as XLA's are, and a compiled
program replays each step as one CUDA graph.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from experiments.bench.cases import NUM_SAMPLES, Case, Program

Step = Callable[[Any], Any]  # images [B, C, H, W] in [0, 1] -> the loss
_EAGER_STEPS = 3  # before a CUDA graph: modules compile, gradients and optimizer get their arrays
_SMALL = 0.02  # standard deviation of the weights of convolutional players (DCGAN, section 4)


class Kind(NamedTuple):
    """How the networks run: `prepare` makes a module ready, `precision` is a context manager."""

    torch: Any
    prepare: Callable[[Any], Any]
    precision: Any


def make_program(case: Case, dataset: Any, steps: int, compiled: bool, half: bool) -> Program:
    """Make the program: `steps` steps per epoch over the uint8 images of `dataset`."""
    torch: Any = import_module("torch")  # no dependency of genjax
    torch.manual_seed(0)
    on_gpu = torch.cuda.is_available()
    device = "cuda" if on_gpu else "cpu"
    torch.set_default_device(device)
    if on_gpu:
        torch.set_float32_matmul_precision("high")

    def prepare(module: Any) -> Any:
        module = module.to(memory_format=torch.channels_last)
        return torch.compile(module) if compiled else module

    for name, setting, value in (
        ("torch._functorch.config", "donated_buffer", False),  # several gradients of one pass
        ("torch._dynamo.config", "recompile_limit", 64),  # modules of one class share a program
    ):
        setattr(import_module(name), setting, value)
    kind = Kind(torch, prepare, torch.autocast(device, torch.bfloat16, enabled=half))
    made = {"vae": _vae, "vae_gan": _vae_gan, "gan": _gan}[case.kind]
    step, generate = made(case, kind)
    if compiled and on_gpu:
        step = _replay_as_graph(torch, step)
    images = torch.from_numpy(np.array(dataset.images)).permute(0, 3, 1, 2).to(device)

    def train() -> float:
        order, losses = torch.randperm(len(images)), []
        for i in range(steps):
            x = images[order[i * case.batch : (i + 1) * case.batch]].float() / 255
            losses.append(step(x).detach())
        return float(torch.stack(losses).mean())

    def sample() -> None:
        with torch.no_grad(), kind.precision:
            generate(torch.randn(NUM_SAMPLES, case.model.latent_dim)).float().cpu()

    return Program(train, sample, torch.cuda.max_memory_allocated if on_gpu else None)


def _replay_as_graph(torch: Any, step: Step) -> Step:
    """Return a step that records its work on a GPU once, and then launches it as a whole."""
    graph, side = torch.cuda.CUDAGraph(), torch.cuda.Stream()
    done = 0
    given: Any = None
    loss: Any = None

    def run(x: Any) -> Any:
        nonlocal done, given, loss
        done += 1
        if done <= _EAGER_STEPS:
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                first = step(x)
            torch.cuda.current_stream().wait_stream(side)
            return first
        if given is None:
            given = x.clone()
            with torch.cuda.graph(graph):
                loss = step(given)
        given.copy_(x)
        graph.replay()
        return loss.detach().clone()  # the next replay overwrites it

    return run


def _adam(case: Case, torch: Any, modules: Sequence[Any]) -> Any:
    weights = [weight for module in modules for weight in module.parameters()]
    betas = (case.optimizer.b1, case.optimizer.b2)
    on_gpu = torch.cuda.is_available()  # there the number of steps must lie beside the weights
    return torch.optim.Adam(
        weights, case.optimizer.learning_rate, betas, fused=True, capturable=on_gpu
    )


def initialize(torch: Any, module: Any, deviation: float | None = None) -> Any:
    """Draw the weights as genjax does, in place, and return the module.

    They are normal with this standard deviation, or with 1/sqrt(n) where an output sums n products;
    biases are 0. PyTorch's own are others, with which a game goes another way.
    """
    for layer in module.modules():
        weight = getattr(layer, "weight", None)
        if weight is not None and weight.ndim > 1:  # those of a batch normalisation stay 1
            summed = weight[0].numel()
            if isinstance(layer, torch.nn.ConvTranspose2d):  # weight [in, out, k, k]
                summed = weight[:, 0].numel() // layer.stride[0] ** 2
            torch.nn.init.normal_(weight, std=deviation or summed**-0.5)
            if layer.bias is not None:
                torch.nn.init.zeros_(layer.bias)
    return module


def _coders(model: Any, torch: Any) -> tuple[Any, Any]:
    layers = torch.nn
    height, width, image_channels = model.image_shape
    hidden = model.hidden[0]
    channels = model.channels if model.network == "conv" else ()
    encoder: list[Any] = []
    for before, after in pairwise((image_channels, *channels)):
        encoder += [layers.Conv2d(before, after, 4, 2, 1), layers.ReLU()]
    small = (height // 2 ** len(channels), width // 2 ** len(channels))
    deepest = (channels or (image_channels,))[-1]
    flat = small[0] * small[1] * deepest
    encoder += [layers.Flatten(), layers.Linear(flat, hidden), layers.ReLU()]
    encoder += [layers.Linear(hidden, 2 * model.latent_dim)]
    decoder = [layers.Linear(model.latent_dim, hidden), layers.ReLU(), layers.Linear(hidden, flat)]
    decoder += [layers.Unflatten(1, (deepest, *small))]
    for before, after in pairwise((*channels[::-1], image_channels) if channels else ()):
        decoder += [layers.ReLU(), layers.ConvTranspose2d(before, after, 4, 2, 1)]
    both = layers.Sequential(*encoder), layers.Sequential(*decoder)
    return initialize(torch, both[0]), initialize(torch, both[1])


def _latents(torch: Any, statistics: Any) -> tuple[Any, Any]:
    """Draw z ~ q(z|x), and compute KL(q || p), the mean over the images."""
    mean, log_scale = statistics.float().chunk(2, dim=1)
    z = mean + torch.exp(log_scale) * torch.randn_like(mean)
    rate = 0.5 * (mean**2 + torch.exp(2 * log_scale) - 1 - 2 * log_scale).sum() / len(mean)
    return z, rate


def _vae(case: Case, kind: Kind) -> tuple[Step, Callable]:
    torch, model = kind.torch, case.model
    encoder, decoder = (kind.prepare(module) for module in _coders(model, torch))
    optimizer = _adam(case, torch, [encoder, decoder])
    entropy = torch.nn.functional.binary_cross_entropy_with_logits

    def step(x: Any) -> Any:
        if model.binarize:
            x = torch.bernoulli(x)
        with kind.precision:
            z, rate = _latents(torch, encoder(x))
            logits = decoder(z).float()
        loss = entropy(logits, x, reduction="sum") / len(x) + rate
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step, lambda z: torch.sigmoid(decoder(z))


def _discriminator(torch: Any, widths: Sequence[int], channels: int, normalized: bool) -> Any:
    layers = torch.nn
    stack: list[Any] = [layers.Conv2d(channels, widths[0], 4, 2, 1), layers.LeakyReLU(0.2)]
    for before, after in pairwise(widths):
        stack += [layers.Conv2d(before, after, 4, 2, 1, bias=not normalized)]
        stack += [layers.BatchNorm2d(after)] if normalized else []
        stack += [layers.LeakyReLU(0.2)]
    stack += [layers.Flatten(), layers.Linear(4 * 4 * widths[-1], 1)]
    return initialize(torch, layers.Sequential(*stack), _SMALL)


def _players(model: Any, torch: Any) -> tuple[Any, Any]:
    """Make the generator and the discriminator of GAN and DCGAN."""
    layers = torch.nn
    height, width, channels = model.image_shape
    if hasattr(model, "width"):
        *_, deepest = widths = model.widths
        stack = [
            layers.Linear(model.latent_dim, 4 * 4 * deepest, bias=False),
            layers.Unflatten(1, (deepest, 4, 4)),
            layers.BatchNorm2d(deepest),
            layers.ReLU(),
        ]
        for before, after in pairwise(widths[::-1]):
            up = layers.ConvTranspose2d(before, after, 4, 2, 1, bias=False)
            stack += [up, layers.BatchNorm2d(after), layers.ReLU()]
        stack += [layers.ConvTranspose2d(widths[0], channels, 4, 2, 1), layers.Tanh()]
        generator = initialize(torch, layers.Sequential(*stack), _SMALL)
        return generator, _discriminator(torch, widths, channels, normalized=True)
    pixels = height * width * channels
    stack, score = [], [layers.Flatten()]
    for before, after in pairwise((model.latent_dim, *model.hidden)):
        dense = layers.Linear(before, after, bias=False)
        stack += [dense, layers.BatchNorm1d(after), layers.ReLU()]
    stack += [layers.Linear(model.hidden[-1], pixels), layers.Tanh()]
    stack += [layers.Unflatten(1, (channels, height, width))]
    for before, after in pairwise((pixels, *model.discriminator_hidden)):
        score += [layers.Linear(before, after), layers.LeakyReLU(0.2)]
    score += [layers.Linear(model.discriminator_hidden[-1], 1)]
    both = layers.Sequential(*stack), layers.Sequential(*score)
    return initialize(torch, both[0]), initialize(torch, both[1])


def _gan(case: Case, kind: Kind) -> tuple[Step, Callable]:
    """Make the step of a GAN: the discriminator is updated before the generator."""
    torch, softplus = kind.torch, kind.torch.nn.functional.softplus
    generator, discriminator = map(kind.prepare, _players(case.model, torch))
    g_optimizer, d_optimizer = (_adam(case, torch, [net]) for net in (generator, discriminator))

    def step(x: Any) -> Any:
        with kind.precision:
            fake = generator(torch.randn(len(x), case.model.latent_dim))
            real_score = discriminator(2 * x - 1).float()
            fake_score = discriminator(fake.detach()).float()
        loss = softplus(-real_score).mean() + softplus(fake_score).mean()
        d_optimizer.zero_grad()
        loss.backward()
        d_optimizer.step()
        with kind.precision:
            score = discriminator(fake).float()
        g_optimizer.zero_grad()
        softplus(-score).mean().backward()
        g_optimizer.step()
        return loss

    return step, lambda z: (generator(z) + 1) / 2


def _vae_gan(case: Case, kind: Kind) -> tuple[Step, Callable]:
    """Make the step of a VAE-GAN: all players at once, each along the gradient of its own loss."""
    torch, softplus = kind.torch, kind.torch.nn.functional.softplus
    model, width = case.model, case.model.discriminator_width
    widths = (width, 2 * width, 4 * width)
    whole = _discriminator(torch, widths, model.image_shape[2], normalized=False)
    encoder, decoder, features, score = map(
        kind.prepare, (*_coders(model, torch), whole[:3], whole[3:])
    )
    players = {"encoder": [encoder], "decoder": [decoder], "discriminator": [features, score]}
    optimizer = _adam(case, torch, [module for modules in players.values() for module in modules])

    def step(x: Any) -> Any:
        with kind.precision:
            z, rate = _latents(torch, encoder(x))
            images = [torch.sigmoid(decoder(latents)) for latents in (z, torch.randn_like(z))]
            seen, *of_fakes = (features(2 * image - 1) for image in (x, *images))
            real, *fakes = (score(each).float() for each in (seen, *of_fakes))
        fake = torch.cat(fakes)
        rec = 0.5 * ((of_fakes[0].float() - seen.float()) ** 2).sum() / len(x)
        losses = {
            "encoder": model.beta * rate + rec,
            "decoder": rec + softplus(-fake).mean(),
            "discriminator": softplus(-real).mean() + softplus(fake).mean(),
        }
        optimizer.zero_grad()
        for player, modules in players.items():
            weights = [weight for module in modules for weight in module.parameters()]
            gradients = torch.autograd.grad(losses[player], weights, retain_graph=True)
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.grad = gradient
        optimizer.step()
        return losses["discriminator"]

    return step, lambda z: torch.sigmoid(decoder(z))
