"""genjax: variational autoencoders and generative adversarial networks in JAX and Flax.

params = genjax.fit(genjax.VAE(latent_dim=20), genjax.data.load("mnist"), jax.random.key(0))
images = genjax.sample(params, jax.random.key(1))  # [64, 28, 28, 1] in [0, 1]
"""

import importlib.util
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genjax.public import *  # noqa: F403
else:
    # `genjax.public` is imported when one of its names is first used, so that a command that needs
    # no jax, such as `genjax --help`, starts at once.

    def __getattr__(name: str) -> Any:
        if name.startswith("_") and name != "__all__":
            raise AttributeError(f"module 'genjax' has no attribute {name!r}")
        if importlib.util.find_spec(f"genjax.{name}"):
            return importlib.import_module(f"genjax.{name}")
        public = importlib.import_module("genjax.public")
        if name != "__all__" and name not in public.__all__:
            raise AttributeError(f"module 'genjax' has no attribute {name!r}")
        value = globals()[name] = getattr(public, name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *importlib.import_module("genjax.public").__all__})
