"""The dense layer, whose products sum in float32 whatever the precision of the factors.

(1) P(x, w) = x w                [N, D], [D, F] -> [N, F]     forward
(2) T(y, w) = y w^T              [N, F], [D, F] -> [N, D]     input gradient
(3) K(x, y) = x^T y              [N, D], [N, F] -> [D, F]     kernel gradient

Each is linear in two arrays, and its gradients are the other two. So every derivative is one of the
three, with factors in bfloat16:

(4) P: dx = T(dy, w), dw = K(x, dy)
(5) T: dy = P(dx, w), dw = K(dx, y)
(6) K: dx = T(y, dw), dy = P(x, dw)

JAX's own gradient of a product that gives float32 would have one factor in float32. And on a CPU,
XLA reaches the matrix unit for bfloat16 (Intel's AMX) only where the product gives float32:
docs/notes/precision.md has the timings.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jax import Array

from genjax.nn.conv import ZEROS, Initializer
from genjax.nn.precision import add_bias, cast


class Dense(nn.Module):
    """Multiply by a kernel [D, features] and add a bias: [N, D] -> [N, features].

    >>> Dense(3).init(jax.random.key(0), jnp.ones((2, 5)))["params"]["kernel"].shape
    (5, 3)
    """

    features: int
    use_bias: bool = True
    kernel_init: Initializer = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, x: Array) -> Array:
        kernel = self.param("kernel", self.kernel_init, (x.shape[-1], self.features), jnp.float32)
        bias = self.param("bias", ZEROS, (self.features,)) if self.use_bias else 0
        x, kernel, bias = promote_dtype(x, kernel, bias)
        return add_bias(product(x, kernel), bias, x.dtype)


def product(x: Array, w: Array) -> Array:
    """Compute (1) for factors of one precision: float32 [N, F]."""
    return _forward(x, w) if x.dtype == jnp.bfloat16 else x @ w


def _contract(a: Array, b: Array, axes: tuple[int, int]) -> Array:
    over = ((axes[:1], axes[1:]), ((), ()))
    return jax.lax.dot_general(a, b, over, preferred_element_type=jnp.float32)


@jax.custom_vjp
def _forward(x: Array, w: Array) -> Array:  # (1)
    return _contract(x, w, (1, 0))


@jax.custom_vjp
def _transposed(y: Array, w: Array) -> Array:  # (2)
    return _contract(y, w, (1, 1))


@jax.custom_vjp
def _kernel_gradient(x: Array, y: Array) -> Array:  # (3)
    return _contract(x, y, (0, 0))


def _forward_vjp(arrays: tuple[Array, Array], dy: Array) -> tuple[Array, Array]:  # (4)
    x, w = arrays
    dy = cast(dy, "bfloat16")
    return cast((_transposed(dy, w), _kernel_gradient(x, dy)), "bfloat16")


def _transposed_vjp(arrays: tuple[Array, Array], dx: Array) -> tuple[Array, Array]:  # (5)
    y, w = arrays
    dx = cast(dx, "bfloat16")
    return cast((_forward(dx, w), _kernel_gradient(dx, y)), "bfloat16")


def _kernel_gradient_vjp(arrays: tuple[Array, Array], dw: Array) -> tuple[Array, Array]:  # (6)
    x, y = arrays
    dw = cast(dw, "bfloat16")
    return cast((_transposed(y, dw), _forward(x, dw)), "bfloat16")


_forward.defvjp(lambda x, w: (_forward(x, w), (x, w)), _forward_vjp)
_transposed.defvjp(lambda y, w: (_transposed(y, w), (y, w)), _transposed_vjp)
_kernel_gradient.defvjp(lambda x, y: (_kernel_gradient(x, y), (x, y)), _kernel_gradient_vjp)
