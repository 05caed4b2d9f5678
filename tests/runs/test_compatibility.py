"""Runs and files of weights that version 0.1 wrote load, sample and resume."""

import shutil

import jax
import numpy as np

import genjax
from genjax.runs import run_folder
from tests.helpers import ROOT, blobs, small

FIXTURES = ROOT / "tests" / "fixtures"
EXPECTED = np.load(FIXTURES / "expected-0.1.npz")


def test_a_run_folder_loads_and_samples_as_it_did():
    params = genjax.load(FIXTURES / "run-0.1")
    samples = genjax.sample(params, jax.random.key(2), 4)
    np.testing.assert_allclose(samples, EXPECTED["vae"], atol=1e-5)


def test_a_file_of_weights_loads_and_samples_as_it_did():
    params = genjax.load(FIXTURES / "dcgan-0.1.npz")
    samples = genjax.sample(params, jax.random.key(2), 4)
    np.testing.assert_allclose(samples, EXPECTED["dcgan"], atol=1e-5)


def test_an_unfinished_run_goes_on_to_its_end(tmp_path):
    """It was stopped after two of its four epochs."""
    shutil.copytree(FIXTURES / "run-0.1", tmp_path / "run")
    model, data, key = small("vae", network="mlp"), blobs(), jax.random.key(0)
    training = genjax.Training(epochs=4, batch_size=16, ema_decay=0.9)
    seen = []
    genjax.fit(
        model, data, key, training,
        out=tmp_path / "run", on_epoch=lambda epoch, _: seen.append(epoch), progress=False,
    )  # fmt: skip
    assert seen == [3, 4]
    assert [line["epoch"] for line in run_folder.read_metrics(tmp_path / "run")] == [1, 2, 3, 4]
    whole = genjax.fit(model, data, key, training, progress=False)
    resumed = genjax.load(tmp_path / "run")
    for ours, theirs in zip(jax.tree.leaves(whole), jax.tree.leaves(resumed), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


def test_a_conditional_vae_of_before_the_vae_had_classes_loads_and_samples_as_it_did():
    params = genjax.load(FIXTURES / "conditional-vae.npz")
    samples = genjax.sample(params, jax.random.key(2), labels=[0, 1, 1])
    expected = np.load(FIXTURES / "expected-conditional-vae.npz")["samples"]
    np.testing.assert_allclose(samples, expected, atol=1e-5)
