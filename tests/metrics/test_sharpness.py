"""Sharpness against scipy, and that blur lowers it."""

import numpy as np
import scipy.fft
import scipy.ndimage

from genjax.metrics.sharpness import high_frequency_share, power_spectrum, sharpness
from tests.helpers import blobs

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


def test_the_spectrum_is_the_mean_over_rings_of_frequencies():  # (4)
    """11 rows, 9 columns: 9 times a frequency's length is its ring, of 0 to 4."""
    values = {r: [] for r in range(5)}
    for image in np.asarray(IMAGES, np.float64):
        for c in range(2):
            power = np.abs(scipy.fft.fft2(image[..., c])) ** 2
            for u in range(-5, 6):
                for v in range(-4, 5):
                    r = round(9 * np.sqrt((u / 11) ** 2 + (v / 9) ** 2))
                    if r <= 4:
                        values[r].append(power[u, v])
    expected = [np.mean(values[r]) for r in range(5)]
    np.testing.assert_allclose(power_spectrum(IMAGES), expected, rtol=1e-4)
    np.testing.assert_allclose(  # (5): above 4 / 2
        high_frequency_share(IMAGES), sum(expected[3:]) / sum(expected[1:]), rtol=1e-4
    )


def test_the_share_of_high_frequencies_of_images_where_it_is_known():  # (5)
    rows = np.arange(16)

    def wave(frequency):
        return np.tile(
            np.cos(2 * np.pi * frequency * rows / 16)[None, :, None, None], (1, 1, 16, 1)
        )

    np.testing.assert_allclose(high_frequency_share(0.5 + 0.1 * wave(7)), 1, atol=1e-4)
    np.testing.assert_allclose(high_frequency_share(0.5 + 0.1 * wave(2)), 0, atol=1e-4)
    noise = np.random.default_rng(0).random((200, 16, 16, 3), np.float32)
    np.testing.assert_allclose(high_frequency_share(noise), 4 / 8, atol=0.01)  # rings 5 to 8
    blurred = scipy.ndimage.gaussian_filter(np.asarray(IMAGES), (0, 1, 1, 0), mode="wrap")
    assert high_frequency_share(blurred) < 0.2 * high_frequency_share(IMAGES)
    assert high_frequency_share(np.zeros((2, 8, 8, 1))) == 0
