"""`make torture`, for a moment: it counts, and it can fail."""

import shutil

import numpy as np
import pytest

from experiments.torture import flips, tiny_runs
from experiments.torture.flips import flip_bits
from experiments.torture.tiny_runs import CASES, Lost, check_same, train_undisturbed
from genjax.runs import checkpoints


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The runs of a VAE, of two epochs."""
    root = tmp_path_factory.mktemp("torture")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny_runs, "EPOCHS", 2)
        patch.setattr(checkpoints, "SECONDS_BETWEEN", 0.0)
        patch.setattr("genjax.recipes.run.draw_run", lambda *arguments: None)
        yield {case: train_undisturbed(root, *case) for case in CASES if case[0] == "VAE"}


def test_flips_are_counted(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(flips, "CASES", CASES[::2])
    counts = flip_bits(tmp_path, runs, 8, seed=1)
    assert counts.pop("flips") == 8 == sum(counts.values())
    assert counts["... named, and trained to the same bits"] > 0


def test_a_loss_is_noticed(runs, tmp_path):
    whole = runs["VAE", False]
    shutil.copytree(whole.folder, tmp_path / "run")
    check_same(tmp_path / "run", whole)
    metrics = tmp_path / "run" / "metrics.jsonl"
    metrics.write_text(metrics.read_text().splitlines()[0] + "\n")
    with pytest.raises(Lost, match="the metrics are not those of an undisturbed run"):
        check_same(tmp_path / "run", whole)


def test_one_bit_is_flipped(tmp_path):
    (tmp_path / "figures").mkdir()
    for path in (tmp_path / "a", tmp_path / "figures" / "picture.png"):
        path.write_bytes(bytes(50))
    assert flips._flip(tmp_path, np.random.default_rng(0)) == tmp_path / "a"
    content = (tmp_path / "a").read_bytes()
    assert sum(byte.bit_count() for byte in content) == 1
    assert len(content) == 50
