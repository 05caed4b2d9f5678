"""Sharpness against scipy, and that blur lowers it."""

import numpy as np
import scipy.ndimage
from conftest import blobs

from genjax.metrics.sharpness import sharpness

IMAGES = blobs(5, (11, 9, 2)).images / np.float32(255)


def test_it_is_the_variance_of_the_laplacian():  # (1), (2)
    kernel = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    expected = [
        np.mean([np.var(scipy.ndimage.convolve(x[..., c], kernel)[1:-1, 1:-1]) for c in range(2)])
        for x in np.asarray(IMAGES, np.float64)
    ]
    np.testing.assert_allclose(sharpness(IMAGES), expected, rtol=1e-4)


def test_blur_lowers_it_and_a_plane_has_none():
    blurred = scipy.ndimage.gaussian_filter(np.asarray(IMAGES), (0, 1, 1, 0))
    assert np.all(sharpness(blurred) < 0.5 * sharpness(IMAGES))
    slope = np.broadcast_to(np.linspace(0, 1, 8)[:, None, None], (1, 8, 8, 1))
    np.testing.assert_allclose(sharpness(slope), 0, atol=1e-12)
