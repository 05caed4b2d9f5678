"""`make debias`, small: what is trained, tabulated and shown."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from experiments import debias
from genjax.data.made.biased import BIASED
from genjax.recipes import RECIPES
from genjax.recipes.debiasing import NAMES
from genjax.runs.npz import load_array
from genjax.training.configuration import Training


@pytest.mark.filterwarnings("ignore:MNIST cannot be found", "ignore:since epoch")
def test_a_page_compares_resampling_with_uniform_sampling(tmp_path, monkeypatch, capsys):
    (tmp_path / "no-data").mkdir()
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "no-data"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    name = NAMES["mnist_rotated"]
    model = replace(RECIPES[name].model, network="mlp", hidden=(8,), latent_dim=2, alpha=0.2)
    tiny = replace(
        RECIPES[name], model=model, training=Training(epochs=4, batch_size=500), num_images=200
    )
    monkeypatch.setitem(RECIPES, name, tiny)
    monkeypatch.setattr(debias, "NAMES", {"mnist_rotated": name})
    monkeypatch.setattr("genjax.recipes.run.draw_run", lambda *arguments: None)
    monkeypatch.setattr(debias, "_ALPHAS", (5.0,))
    out = tmp_path / "runs"
    assert debias.main(["--out", str(out), "--seeds", "2", "--sweep-seeds", "1"]) == 0
    assert str(out / "index.html") in capsys.readouterr().out

    debiased, uniform = (
        json.loads((out / f"{kind}-mnist_rotated-1" / "result.json").read_text())
        for kind in ("debiased", "uniform")
    )
    for result in (debiased, uniform):
        assert result["data_rare"] == pytest.approx(result["data_group_1"])
        assert result["data_rare"] == pytest.approx(0.05, abs=0.002)
        assert 0 <= result["subset_rare"] <= 1
    assert uniform["seen_rare"] == pytest.approx(uniform["data_rare"], abs=1e-6)
    kept = [load_array(path) for path in sorted(out.glob("debiased-mnist_rotated-1/resampling/*"))]
    assert [p.shape for p in kept] == [(4_000,)] * 4
    assert np.ptp(kept[0]) == 0  # the warm-up
    assert np.ptp(kept[-1]) > 0
    np.testing.assert_allclose([p.sum() for p in kept], 1, atol=1e-4)

    header, _, *rows = (out / "table.md").read_text().strip().splitlines()[2:]
    assert "rotated | test set | gap" in header
    names = [row.split(" | ")[0] for row in rows]
    assert names == ["| uniform-mnist_rotated", "| debiased-mnist_rotated"]
    html = (out / "index.html").read_text()
    assert re.findall(r'<section id="([\w-]+)"', html) == [
        "result", "mnist_rotated-latents", "mnist_rotated-density", "alpha",
    ]  # fmt: skip
    assert html.count("data:image/png") == 3
    assert re.search("<td[^>]*>debiased-mnist_rotated</td>", html)
    assert not re.findall(r'src="(?!data:)', html)


def test_every_biased_data_set_has_an_experiment_that_can_be_trained():
    assert NAMES.keys() < BIASED.keys()  # the others: test_conflicting.py
    for dataset in NAMES:
        uniform, debiased = debias.make_pair(dataset).values()
        assert replace(uniform.model, resampling=debiased.model.resampling) == debiased.model
        for recipe in (uniform, debiased):
            recipe.check()
            recipe.model.for_images((28, 28, 1)).check()
    alphas = list(debias.make_sweep("mnist_rotated"))
    assert alphas == sorted(alphas)
    assert alphas[-1] == float("inf")
