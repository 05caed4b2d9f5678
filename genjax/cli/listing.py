"""What genjax offers, with a line each. `make` and `genjax list` print it, without importing jax.

The recipes stand in recipes.json, which `python -m genjax.cli.listing write` makes from the
table. Without `write`, it prints the targets of make that train a recipe.
"""

import difflib
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_RECIPES = Path(__file__).with_name("recipes.json")  # data set -> recipe -> description
OTHERS = {  # kind -> name -> what it is
    "models": {
        "autoencoder": "deterministic autoencoder",
        "vae": "variational autoencoder; beta-VAE, beta-TCVAE, IWAE, conditional VAE by its fields",
        "conditional_vae": "VAE with ten classes, under the name of earlier runs",
        "debiasing_vae": "VAE that resamples the data by the density of their latents",
        "hierarchical_vae": "VAE of any number of levels of latents, each a grid at one scale",
        "flow_matching": "network that carries noise to images along an ODE",
        "gan": "generative adversarial network of dense layers",
        "dcgan": "deep convolutional GAN",
        "r3gan": "relativistic GAN of residual networks",
        "projected_gan": "DCGAN whose discriminators see the features of a trained network",
        "made": "autoregressive model of masked dense layers, with an exact likelihood",
        "pixelcnn": "gated PixelCNN: autoregressive convolutions, with an exact likelihood",
        "realnvp": "normalizing flow of affine couplings, with an exact density",
        "vae_gan": "VAE whose decoder also plays a GAN's generator",
        "vq_vae": "autoencoder of discrete codes, with a PixelCNN as their prior",
    },
    "data sets": {
        "mnist": "70,000 handwritten digits, 28x28",
        "fashion_mnist": "70,000 pieces of clothing, 28x28",
        "cifar10": "60,000 colour photographs of 10 classes, 32x32",
        "stacked_mnist": "three digits as the channels of an image: 1,000 classes, 28x28",
        "sprites": "drawn shapes with known factors, 64x64",
        "mnist_rotated": "MNIST with 5% of the training digits rotated",
        "mnist_coloured": "MNIST in colours that mostly go with the digit",
        "mnist_coloured_0.5": "the same with 0.5% in another colour, and 90% in testing",
        "mnist_coloured_1": "the same with 1%",
        "mnist_coloured_2": "the same with 2%",
        "mnist_coloured_5": "the same with 5%",
        "fashion_rare": "Fashion-MNIST with three rare groups",
        "ring": "points of the plane, images of 1x2: eight Gaussians on a circle",
        "two_moons": "points of the plane: two half circles",
        "spiral": "points of the plane: two arms",
        "checkerboard": "points of the plane: every other square",
    },
    "adversarial losses": {
        "minimax": "Goodfellow et al. 2014, equation 1",
        "non_saturating": "Goodfellow et al. 2014, section 3",
        "least_squares": "Mao et al. 2017",
        "hinge": "Lim & Ye 2017; Miyato et al. 2018",
        "wasserstein": "Arjovsky et al. 2017",
        "relativistic": "Jolicoeur-Martineau 2018; Huang et al. 2025",
    },
    "likelihoods": {
        "bernoulli": "binary pixels; grey ones are binarised at random",
        "gaussian": "independent normal pixels with a fixed standard deviation",
        "optimal_gaussian": "independent normal pixels with the best common standard deviation",
        "learned_gaussian": "independent normal pixels with learned standard deviations",
        "discretized_logistic": "probabilities of bytes; bits per dimension",
        "logistic_mixture": "mixture of ten discretised logistics, channels in order",
    },
    "features": {
        "cifar10": "the classifier of CIFAR-10 that genjax ships",
        "fashion_mnist": "the classifier of Fashion-MNIST that genjax ships",
        "mnist": "the classifier of MNIST that genjax ships",
        "random": "a network that is not trained",
    },
    "activations": {
        "relu": "max(0, x)",
        "leaky_relu": "max(0.2 x, x) in discriminators, as in the DCGAN",
        "silu": "x sigmoid(x)",
        "gelu": "x times the normal distribution function of x",
        "tanh": "hyperbolic tangent",
    },
}


def find_registries() -> dict[str, Mapping[str, Any]]:
    """Return the registry of each kind in `OTHERS`: name -> thing. This imports jax.

    >>> find_registries().keys() == OTHERS.keys()
    True
    """
    import genjax.metrics  # noqa: F401  registers the features of the classifiers
    from genjax.data.loaders import LOADERS
    from genjax.losses import ADVERSARIAL
    from genjax.model import find_models
    from genjax.models.likelihoods import LIKELIHOODS
    from genjax.models.projected import FEATURES
    from genjax.nn.networks import ACTIVATIONS

    tables = (find_models(), LOADERS, ADVERSARIAL, LIKELIHOODS, FEATURES, ACTIVATIONS)
    return dict(zip(OTHERS, tables, strict=True))


def read_recipes() -> dict[str, dict[str, str]]:
    """Return the description of every recipe, by data set and name.

    >>> read_recipes()["fashion_mnist"]["vae-fashion"]
    'VAE, 32 latents, Gaussian likelihood (σ = 0.2), on Fashion-MNIST'
    """
    return json.loads(_RECIPES.read_text())


def collect_recipes() -> dict[str, dict[str, str]]:
    """Return what `read_recipes` should: the recipes of the table, by data set and name."""
    from genjax.data import NAMES
    from genjax.recipes import RECIPES

    named = {
        dataset: {n: r.description for n, r in sorted(RECIPES.items()) if r.dataset == dataset}
        for dataset in NAMES
    }
    return {dataset: recipes for dataset, recipes in named.items() if recipes}


def format_recipes(before: str = "", more: Mapping[str, str] | None = None) -> str:
    """List the recipes by data set, then `more` of them; `before` stands before each name."""
    groups = {f"{name}: {OTHERS['data sets'][name]}": them for name, them in read_recipes().items()}
    groups |= {"others": dict(more)} if more else {}
    width = max(len(name) for names in groups.values() for name in names)
    return "\n\n".join(
        f"{title}\n{format_lines(names, before, width)}" for title, names in groups.items()
    )


def format_lines(lines: Mapping[str, str], before: str = "", width: int = 0) -> str:
    """List names with what each is, indented.

    >>> print(format_lines({"vae": "variational autoencoder", "gan": "adversarial"}))
      vae  variational autoencoder
      gan  adversarial
    """
    width = width or max(map(len, lines), default=0)
    return "\n".join(f"  {before}{name:{width}}  {text}".rstrip() for name, text in lines.items())


def describe_unknown(name: str, known: Iterable[str], what: str = "recipe") -> str:
    """Say that a name is unknown, and which known ones are near.

    >>> describe_unknown("vae-minst", ["vae-mnist", "r3gan-stacked"])
    "there is no recipe 'vae-minst'. Did you mean vae-mnist? `genjax list` shows all."
    """
    near = difflib.get_close_matches(name, list(known), n=3)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return f"there is no {what} {name!r}.{hint} `genjax list` shows all."


if __name__ == "__main__":
    if sys.argv[1:] == ["write"]:
        _RECIPES.write_text(json.dumps(collect_recipes(), indent=2, ensure_ascii=False) + "\n")
    else:
        print(format_recipes("train-"))
