"""`make conflicting`, small: what is trained, and what is shown."""

from dataclasses import replace

import pytest

from experiments import conflicting
from genjax.data.made.biased import BIASED
from genjax.recipes.debiasing import NAMES
from genjax.runs.files import read_json
from genjax.training.configuration import Training


def test_every_biased_data_set_is_studied_and_published_figures_stand_beside_all_shares():
    recipes = conflicting.STUDY.recipes
    assert {recipe.dataset for recipe in recipes.values()} | NAMES.keys() == BIASED.keys()
    for name, recipe in recipes.items():
        recipe.check()
        model = recipe.model.for_images((28, 28, 3))
        model.check()
        assert (model.resampling == "none") == name.startswith("erm")
    assert {len(values) for values in conflicting.PUBLISHED.values()} == {len(conflicting.SHARES)}


@pytest.mark.filterwarnings("ignore:MNIST cannot be found", "ignore:since epoch")
def test_a_plain_classifier_and_a_debiased_one_are_compared(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setattr("genjax.recipes.run.draw_run", lambda *arguments: None)
    monkeypatch.setattr(conflicting, "_PAGE", ("5",))
    training = Training(epochs=2, batch_size=500)
    recipes = {
        name: replace(recipe, training=training, model=replace(recipe.model, hidden=(8,)))
        for name, recipe in conflicting.STUDY.recipes.items()
        if name in ("erm-5", "debiased-5")
    }
    study, out = replace(conflicting.STUDY, recipes=recipes), tmp_path / "runs"
    assert study.main(["--out", str(out), "--seeds", "1"]) == 0
    assert "conflicting images seen" in capsys.readouterr().out
    plain, debiased = (read_json(out / f"{n}-5-0" / "result.json") for n in ("erm", "debiased"))
    assert plain["data_rare"] == debiased["data_rare"] == pytest.approx(0.05, abs=0.003)
    assert plain["seen_rare"] == pytest.approx(plain["data_rare"], abs=1e-6)
    assert debiased["seen_rare"] > 1.5 * plain["seen_rare"]
    page = (out / "index.html").read_text()
    assert "The sweep over alpha" not in page
    assert "mnist_coloured_5" in page
