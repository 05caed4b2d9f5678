"""The passes (1)-(6) of genjax.nn.conv against XLA's convolution and its derivatives."""

from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from genjax.nn import conv_cpu, conv_cuda, conv_native, conv_taps, winograd
from genjax.nn.conv import (
    Conv,
    ConvTranspose,
    _trace_once,
    conv,
    conv_transpose,
    native_convolutions,
)

# (kernel, stride, size): an odd and an even side each
CASES = [(k, s, (7, 6)) for k in (3, 4, 5) for s in (1, 2)] + [
    (1, 2, (5, 6)),
    (4, 3, (8, 7)),
    (5, 2, (3, 1)),  # smaller than the kernel
]
CHANNELS, FEATURES = 2, 3
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def arrays(k, stride, size, channels=CHANNELS, features=FEATURES):
    """x, kernel, y with y of the size of conv(x, kernel)."""
    small = [-(-n // stride) for n in size]
    shapes = (2, *size, channels), (k, k, channels, features), (2, *small, features)
    keys = jax.random.split(jax.random.key(k), 3)
    return [jax.random.normal(key, shape) for key, shape in zip(keys, shapes, strict=True)]


def reference(x, kernel, stride):
    dims = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, kernel, (stride,) * 2, "SAME", dimension_numbers=dims)


def reference_transpose(y, kernel, stride, size):
    x = jnp.zeros((y.shape[0], *size, kernel.shape[2]))
    return jax.vjp(lambda x: reference(x, kernel, stride), x)[1](y)[0]


def derivatives(op, a, kernel):
    """The value, both gradients, and the gradients of a function of both."""

    def gradients(a, kernel):
        return jax.grad(lambda *args: jnp.sum(jnp.tanh(op(*args))), (0, 1))(a, kernel)

    def penalty(a, kernel):  # the first term alone is a gradient penalty
        of_a, of_kernel = gradients(a, kernel)
        return jnp.sum(of_a**2) + jnp.sum(of_kernel**2)

    second = jax.grad(penalty, (0, 1))(a, kernel)
    return op(a, kernel), gradients(a, kernel), second


@partial(jax.jit, static_argnums=(0, 1, 2, 3), compiler_options=QUICK)
def bundle(conv, conv_transpose, stride, size, x, kernel, y):
    return (
        derivatives(lambda x, kernel: conv(x, kernel, stride), x, kernel),
        derivatives(lambda y, kernel: conv_transpose(y, kernel, stride, size), y, kernel),
    )


@lru_cache
def expected(k, stride, size):
    return bundle(reference, reference_transpose, stride, size, *arrays(k, stride, size))


def assert_close(actual, desired, rtol=1e-5):
    def check(a, b):
        np.testing.assert_allclose(a, b, rtol=0, atol=rtol * np.abs(b).max())

    jax.tree.map(check, actual, desired)


@pytest.mark.parametrize(("k", "stride", "size"), CASES)
def test_values_and_derivatives(k, stride, size):
    actual = bundle(conv, conv_transpose, stride, size, *arrays(k, stride, size))
    assert_close(actual, expected(k, stride, size))


@pytest.mark.parametrize(("k", "stride", "size"), CASES[2:4])
def test_native_values_and_derivatives(k, stride, size):
    """What runs on a GPU or TPU, run here."""
    native = jax.jit(lambda *args: bundle.__wrapped__(conv, conv_transpose, stride, size, *args))
    args = arrays(k, stride, size)
    with native_convolutions():
        program = str(jax.make_jaxpr(native)(*args))
        assert "conv_general_dilated" in program
        assert "platform_index" not in program
        assert_close(native(*args), expected(k, stride, size))


@pytest.mark.parametrize(("k", "stride", "size"), CASES[:4])
@pytest.mark.parametrize("platform", [conv_cpu, conv_cuda, conv_native, conv_taps])
def test_each_pass_directly(platform, k, stride, size):
    forward, transposed, kernel_gradient = (
        getattr(platform, name) for name in ("forward", "transposed", "kernel_gradient")
    )
    x, kernel, y = arrays(k, stride, size)
    form = jnp.sum(reference(x, kernel, stride) * y)
    assert_close(jnp.sum(forward(stride, x, kernel) * y), form)  # (1)
    assert_close(jnp.sum(transposed(stride, size, y, kernel) * x), form)  # (2)
    assert_close(jnp.sum(kernel_gradient(stride, k, x, y) * kernel), form)  # (3)


@pytest.mark.parametrize(("k", "stride", "size"), CASES)
def test_each_form_of_a_pass_at_any_channels(k, stride, size):
    x, kernel, y = arrays(k, stride, size)
    transposed = reference_transpose(y, kernel, stride, size)
    for form in (conv_taps.transposed, conv_cpu._transposed_phases):
        assert_close(form(stride, size, y, kernel), transposed)
    gradient = jax.vjp(lambda kernel: reference(x, kernel, stride), kernel)[1](y)[0]
    for form in (conv_taps.kernel_gradient, conv_cpu._kernel_gradient_exchanged):
        assert_close(form(stride, k, x, y), gradient)


@pytest.mark.parametrize(("channels", "features"), [(1, 34), (34, 1)])  # narrow and wide
def test_few_and_many_channels(channels, features):
    args = arrays(4, 2, (6, 6), channels, features)
    actual = bundle(conv, conv_transpose, 2, (6, 6), *args)
    assert_close(actual, bundle(reference, reference_transpose, 2, (6, 6), *args))


@pytest.mark.parametrize("size", [(8, 8), (7, 6), (5, 9), (3, 1)])  # whole tiles, and others
def test_passes_with_fewer_products(size):
    x, kernel, y = arrays(4, 2, size)
    passes = jax.jit(
        lambda x, kernel, y: (
            winograd.forward(x, kernel),
            winograd.transposed(size, y, kernel),
            winograd.kernel_gradient(x, y),
        )
    )
    kernel_gradient = jax.vjp(lambda kernel: reference(x, kernel, 2), kernel)[1](y)[0]
    up = reference_transpose(y, kernel, 2, size)
    assert_close(passes(x, kernel, y), (reference(x, kernel, 2), up, kernel_gradient))


def test_widest_layers_have_fewer_products(monkeypatch):
    args = arrays(4, 2, (7, 6))
    derive = jax.jit(lambda *args: bundle.__wrapped__(conv, conv_transpose, 2, (7, 6), *args))
    for least in ("_WIDEST", "_WIDEST_TRANSPOSED"):
        monkeypatch.setattr(conv_cpu, least, 1)
    # not the passes that other tests have traced
    monkeypatch.setattr("genjax.nn.conv._trace_once", _trace_once.__wrapped__)
    hlo = derive.lower(*args).as_text()
    assert "dot_general" in hlo
    assert "convolution" not in hlo
    assert_close(derive(*args), expected(4, 2, (7, 6)))


def test_equation_1_in_loops():
    x, kernel, _ = (np.asarray(a) for a in arrays(4, 2, (7, 6)))
    # rows reach (4-1)·2 + 4 - 7 = 3 beyond x, columns 2
    padded = np.pad(x, [(0, 0), (1, 2), (1, 1), (0, 0)])
    desired = np.zeros((2, 4, 3, FEATURES))
    for i, j in np.ndindex(4, 3):
        patch = padded[:, 2 * i : 2 * i + 4, 2 * j : 2 * j + 4]
        desired[:, i, j] = np.einsum("nabc,abco->no", patch, kernel)
    assert_close(conv(jnp.asarray(x), jnp.asarray(kernel), 2), desired)


def test_adjoint():
    x, kernel, y = arrays(5, 2, (7, 6))
    left = jnp.sum(jax.jit(conv, static_argnums=2)(x, kernel, 2) * y)
    up = jax.jit(conv_transpose, static_argnums=(2, 3))(y, kernel, 2, (7, 6))
    right = jnp.sum(x * up)
    assert_close(left, right)


def test_vmap_over_kernels():
    x, kernel, y = arrays(4, 2, (7, 6))
    kernels = jnp.stack([kernel, 2 * kernel, kernel**2])

    def gradients(kernel):
        def loss(kernel):
            return jnp.sum(jnp.tanh(conv(x, kernel, 2) * y))

        up = jax.grad(lambda kernel: jnp.sum(conv_transpose(y, kernel, 2, (7, 6)) ** 3))
        return jax.grad(loss)(kernel), up(kernel)

    assert_close(jax.jit(jax.vmap(gradients))(kernels), lax.map(gradients, kernels))


def test_inside_scan():
    x, kernel, y = arrays(4, 2, (7, 6))

    def descend(conv, kernel, _):
        gradient = jax.grad(lambda kernel: jnp.mean((conv(x, kernel, 2) - y) ** 2))(kernel)
        return kernel - 0.1 * gradient, None

    actual, desired = (
        jax.jit(lambda kernel, op=op: lax.scan(partial(descend, op), kernel, length=3)[0])(kernel)
        for op in (conv, reference)
    )
    assert_close(actual, desired)


def test_unused_gradients_cost_nothing():
    x, kernel, _ = arrays(4, 2, (16, 16), 8, 8)

    def products(argnums):
        gradient = jax.grad(lambda *args: jnp.sum(conv(*args, 2) ** 2), argnums)
        return jax.jit(gradient).lower(x, kernel).compile().cost_analysis()["flops"]

    both, of_x, of_kernel = products((0, 1)), products(0), products(1)
    forward = both / 3
    assert of_x < both - 0.9 * forward
    assert of_kernel < both - 0.9 * forward


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: conv(jnp.ones((1, 4, 4, 2)), jnp.ones((3, 3, 1, 2))), "has 2 channels"),
        (lambda: conv(jnp.ones((4, 4, 1)), jnp.ones((3, 3, 1, 2))), "needs an input"),
        (lambda: conv(jnp.ones((1, 4, 4, 1)), jnp.ones((3, 2, 1, 2))), "needs an input"),
        (lambda: conv(jnp.ones((1, 4, 4, 1)), jnp.ones((3, 3, 1, 2)), 0), "stride"),
        (
            lambda: conv_transpose(jnp.ones((1, 4, 4, 1)), jnp.ones((3, 3, 1, 2)), 2, (8, 8)),
            "has 1 channels",
        ),
        (
            lambda: conv_transpose(jnp.ones((1, 4, 4, 2)), jnp.ones((3, 3, 1, 2)), 2, (9, 8)),
            r"size \(9, 8\) from \(5, 4\), but y has size \(4, 4\)",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (Conv(24, 4, 2), (2, 7, 7, 24)),
        (Conv(24, 3), (2, 14, 14, 24)),
        (ConvTranspose(24, 4, 2, (28, 27)), (2, 28, 27, 24)),
        (ConvTranspose(24, 3, 1, (14, 14)), (2, 14, 14, 24)),
        (ConvTranspose(24, 4, 2, (28, 27), from_repeated=True), (2, 28, 27, 24)),
    ],
)
def test_modules_keep_the_variance(module, shape):
    x = jax.random.normal(jax.random.key(1), (2, 14, 14, 32))
    y, variables = jax.jit(module.init_with_output)(jax.random.key(2), x)
    assert y.shape == shape
    inside = y[:, 2:-2, 2:-2]  # away from the padding, where every tap meets a pixel
    assert jnp.var(inside) == pytest.approx(1, abs=0.1)
    assert set(variables["params"]) == {"kernel", "bias"}


@pytest.mark.parametrize(("k", "size"), [(4, (10, 6)), (4, (9, 5)), (6, (10, 6))])
def test_kernels_of_repeated_pixels_convolve_repeated_pixels(k, size):  # (7)
    """Against repeating the pixels and convolving them, and without a grid where all are equal."""
    y = jax.random.normal(jax.random.key(1), (2, 5, 3, 4))
    layer = ConvTranspose(7, k, 2, size, use_bias=False, from_repeated=True)
    out, variables = layer.init_with_output(jax.random.key(2), y)
    kernel = variables["params"]["kernel"]
    assert kernel.shape == (k - 1, k - 1, 7, 4)
    repeated = y.repeat(2, axis=1).repeat(2, axis=2)
    expected = conv(repeated, jnp.swapaxes(kernel, 2, 3)[::-1, ::-1])
    inside = [slice(2, side - 2) for side in size]
    np.testing.assert_allclose(out[:, *inside], expected[:, *inside], atol=1e-4)
    flat = layer.apply(variables, jnp.ones_like(y))[:, *inside]
    np.testing.assert_allclose(flat, jnp.broadcast_to(flat[:, :1, :1], flat.shape), atol=1e-5)
