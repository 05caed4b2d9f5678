"""A VAE whose encoder has residual blocks with batch normalisation and dropout."""

from dataclasses import dataclass

import flax.linen as nn

import genjax


class ResidualEncoder(nn.Module):
    features: int
    width: int = 8

    @nn.compact
    def __call__(self, x, train=False):
        x = nn.Conv(self.width, (3, 3), strides=2)(x)
        for _ in range(2):
            y = nn.silu(nn.BatchNorm(use_running_average=not train)(x))
            x = x + nn.Conv(self.width, (3, 3))(y)
        x = nn.Dropout(0.1, deterministic=not train)(x)
        return nn.Dense(self.features)(x.reshape(len(x), -1))


@genjax.register("exam_residual_vae")
@dataclass(frozen=True)
class ResidualVAE(genjax.VAE):
    def networks(self):
        encoder = ResidualEncoder(self.encoder_features)
        return {**super().networks(), "encoder": (encoder, self.image_shape)}
