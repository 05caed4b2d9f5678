"""Space to depth: the s×s pixels of a block as channels, and back."""

from jax import Array


def to_blocks(x: Array, s: int) -> Array:
    """Turn pixels into channels: [N,sH,sW,C] → [N,H,W,s²C]."""
    n, height, width, c = x.shape
    h, w = height // s, width // s
    return x.reshape(n, h, s, w, s, c).swapaxes(2, 3).reshape(n, h, w, s * s * c)


def from_blocks(x: Array, s: int) -> Array:
    """Turn channels into pixels: [N,H,W,s²C] → [N,sH,sW,C]."""
    n, h, w, channels = x.shape
    c = channels // (s * s)
    return x.reshape(n, h, w, s, s, c).swapaxes(2, 3).reshape(n, s * h, s * w, c)
