"""The comparison: what counts as better, what is said of the models, the report of real runs."""

import re
import shutil
from dataclasses import replace

import jax
import numpy as np
import pytest

from genjax.cli import compare as command
from genjax.metrics.catalogue import METRICS, Metric
from genjax.plots.comparison.claims import CLAIMS, judged
from genjax.plots.comparison.ranking import Contender, better, shown, winner
from genjax.recipes import budget, contenders, matched
from genjax.recipes.recipe import Recipe
from genjax.runs.files import read_json, write_json
from genjax.training.configuration import Training
from tests.helpers import blobs, small

LESS, ONE, MORE = (Metric("x", "x", "", best) for best in (0.0, 1.0, np.inf))


def contender(kind, **figures):
    """Of as many seeds as there are values, which a list for every figure holds."""
    names = list(figures)
    rows = zip(*figures.values(), strict=True)
    return Contender(kind, kind, (), tuple(dict(zip(names, row, strict=True)) for row in rows))


def test_better_is_only_what_the_spread_cannot_explain():
    # means 1 and 2, standard deviations 0.1 and 0.2: 1 > 0.3
    left, right = (0.9, 1.0, 1.1), (1.8, 2.0, 2.2)
    assert better(LESS, left, right) is True
    assert better(LESS, right, left) is False
    assert better(MORE, left, right) is False
    assert better(ONE, left, right) is True
    wide = (1.1, 2.0, 2.9)  # standard deviation 0.9
    assert better(LESS, left, wide) is None is better(LESS, wide, left)
    assert better(LESS, (1.0,), (2.0,)) is None  # of one seed nobody knows the spread
    assert better(Metric("x", "x", ""), left, right) is None


def test_the_winner_beats_every_other_that_has_the_figure():
    a = contender("a", x=[0.9, 1.0, 1.1])
    b = contender("b", x=[1.8, 2.0, 2.2])
    near = contender("c", x=[1.0, 1.1, 1.2])
    without = contender("d", y=[0.0, 0.0, 0.0])
    assert winner(LESS, [a, b, without]) is a
    assert winner(MORE, [a, b, without]) is b
    assert winner(LESS, [a, b, near]) is None
    assert winner(LESS, [a, without]) is None


def test_a_figure_within_another_is_read_and_a_missing_one_is_none():
    runs = ({"best": {"x": 1.0}}, {"best": {"x": 2.0}})
    assert Contender("a", "a", (), runs).values("best.x") == (1.0, 2.0)
    assert Contender("a", "a", (), (*runs, {})).values("best.x") == ()


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([], "-"),
        ([90.217], "90.2"),
        ([0.8, 1.0, 1.2], "1.00 ± 0.20"),
        ([0.0123, 0.0133], "0.01280 ± 0.00071"),
        ([1532.1, 1540.2], "1,536 ± 6"),
        ([10.0, 10.0], "10"),
        ([2004241], "2,004,241"),
    ],
)
def test_numbers_are_shown_to_where_their_spread_leaves_a_meaning(values, text):
    assert shown(values) == text


def verdicts(*contenders):
    return {claim.sentence: verdict for claim, _, verdict in judged(contenders)}


def test_claims_hold_or_are_refuted_by_the_numbers():
    gan = contender(
        "dcgan",
        sharpness=[0.98, 1.0, 1.02],
        recall=[0.9, 0.91, 0.92],
        frechet_classifier=[10.0, 30.0, 50.0],
        nearer_to_train=[0.5, 0.51, 0.52],
        last_to_best=[1.5, 1.6, 1.7],
    )
    vae = contender(
        "vae",
        sharpness=[0.5, 0.51, 0.52],
        recall=[0.5, 0.51, 0.52],
        frechet_classifier=[40.0, 40.1, 40.2],
        nll=[90.0, 90.1, 90.2],
        reconstruction_sharpness=[0.88, 0.9, 0.92],
    )
    found = verdicts(gan, vae)
    assert found["Its samples are sharper than a VAE's."] == "holds"
    assert found["It drops modes: it covers less of the data than a VAE."] == "refuted"
    assert found["They are nearer to the data."] == "not decided: within the spread"
    assert found["It is unstable: seeds end far apart."] == "holds"
    assert found["It copies training images."] == "refuted"
    assert found["It falls apart again after its best epoch."] == "holds"
    assert found["It is difficult to evaluate: it has no likelihood."] == "holds"
    assert found["Its samples are fuzzy."] == "holds"
    assert found["Its reconstructions are fuzzy."] == "not decided: within the spread"
    assert "It takes longer to train." not in found  # nobody measured it


def test_one_seed_decides_nothing():
    gan, vae = contender("dcgan", sharpness=[1.0]), contender("vae", sharpness=[0.5])
    assert verdicts(gan, vae)["Its samples are sharper than a VAE's."] == "not decided: one seed"
    assert verdicts(vae)["Its samples are fuzzy."] == "not decided: one seed"


def test_every_claim_is_of_a_model_and_a_figure_that_a_comparison_has():
    kinds = {
        contenders.kind_of(e.model)
        for e in matched.match_models(matched.SETTINGS["mnist"]).values()
    }
    for claim in CLAIMS:
        assert claim.subject in kinds
        if claim.relation in ("above", "below"):
            float(claim.other)
        else:
            assert claim.relation in ("better", "worse", "unsteadier", "lacks")
            assert claim.other in kinds
    assert {c.figure for c in CLAIMS} <= METRICS.keys()


@pytest.mark.parametrize("name", matched.SETTINGS)
def test_what_is_compared_can_be_trained_and_is_matched(name):
    setting = matched.SETTINGS[name]
    shape = (32, 32, 3) if name == "cifar10" else (28, 28, 1)
    experiments = matched.match_models(setting)
    models = {n: e.model.for_images(shape) for n, e in experiments.items()}
    for one, recipe in experiments.items():
        models[one].check()
        recipe.check()
        assert recipe.training.epochs == setting.epochs
        assert models[one].latent_dim == setting.latent_dim

    def kernels(name, network):
        weights = jax.eval_shape(models[name].init, jax.random.key(0)).weights[network]
        return sorted(w.shape for w in jax.tree.leaves(weights) if len(w.shape) > 1)

    assert kernels("vae", "decoder") == kernels("vae-gan", "decoder")
    assert kernels("vae", "decoder") == kernels("dcgan", "generator")
    assert kernels("vae-gan", "discriminator") == kernels("dcgan", "discriminator")


@pytest.mark.parametrize(("text", "seconds"), [("60s", 60), ("1.5m", 90), ("2h", 7200), ("7", 7)])
def test_a_budget_is_a_time(text, seconds):
    assert budget.parse_duration(text) == seconds


def test_a_budget_buys_whole_epochs_or_the_images_that_the_slowest_can_see(tmp_path, monkeypatch):
    vae = Recipe("blobs", small("vae"), Training(epochs=50))
    speeds = {"fast": 100.0, "slow": 10.0}
    monkeypatch.setattr(Recipe, "load", lambda self: (blobs(60), blobs(20, seed=1)))
    monkeypatch.setattr(budget, "measure_speed", lambda e, _: speeds[e.description])
    both = {name: replace(vae, description=name) for name in speeds}
    plenty = budget.fit_to_budget(both, 12.0, tmp_path / "plenty")
    assert [(e.num_train, e.training.epochs) for e in plenty.values()] == [(60, 20), (60, 2)]
    little = budget.fit_to_budget(both, 3.0, tmp_path / "little")
    assert [(e.num_train, e.training.epochs) for e in little.values()] == [(30, 10), (30, 1)]
    speeds["slow"] = 1.0  # the same command again goes on with what was found
    assert budget.fit_to_budget(both, 12.0, tmp_path / "plenty") == plenty


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """A comparison of two models with two seeds each, on images of spots."""
    out = tmp_path_factory.mktemp("compare") / "blobs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENJAX_CACHE_DIR", str(out.parent / "cache"))
        patch.setattr(Recipe, "load", lambda self: (blobs(60), blobs(30, seed=1)))
        how = {"num_samples": 2, "num_images": 20, "num_generated": 40}
        patch.setattr(contenders, "MEASURED", how)
        training = Training(epochs=2, batch_size=16)
        names = ("vae", "autoencoder")
        models = {name: small(name, network="mlp") for name in names}
        both = {n: Recipe("mnist", model, training, **how) for n, model in models.items()}
        patch.setattr(command, "match_models", lambda setting: both)
        patch.setattr(contenders.trained, "find_data", lambda *_: both["vae"].load())
        yield out, lambda *arguments: command.main([*map(str, arguments)])


def test_the_report_shows_real_numbers_and_pictures(compared, capsys):
    out, main = compared
    assert main("mnist", "--seeds", 2, "--out", out) == 0
    assert str(out / "report.html") in capsys.readouterr().out
    text, page = (out / "report.md").read_text(), (out / "report.html").read_text()
    runs = [read_json(out / f"vae-{seed}" / "result.json") for seed in (0, 1)]
    for name in ("frechet_classifier", "reconstruction_error", "nll"):
        assert f"{shown([r[name] for r in runs])}" in text
    pictures = re.findall(r"\]\((.+?)\)", text)
    assert {"pictures/samples.png", "pictures/data.png", "pictures/samples-autoencoder.png"} < set(
        pictures
    )
    assert {"pictures/reconstructions.png", "pictures/ways.png"} < set(pictures)
    assert all((out / picture).stat().st_size > 500 for picture in pictures)
    assert page.count('src="data:image/png;base64,') == len(pictures)
    assert "](" not in page
    assert "<td>Its samples are fuzzy.</td>" in page


def test_runs_that_exist_are_grouped_by_their_seeds_and_measured_once(compared, tmp_path, capsys):
    out, main = compared
    folders = [out / f"{name}-{seed}" for name in ("vae", "autoencoder") for seed in (0, 1)]
    assert main(*folders, "--out", tmp_path / "again") == 0
    printed = capsys.readouterr().out
    assert printed.count("measuring") == 4
    text = (tmp_path / "again" / "report.md").read_text()
    assert "# Compared on blobs: vae-0, autoencoder-0" in text
    assert "2 models, 2 seeds each" in text
    assert main(*folders, "--out", tmp_path / "again") == 0
    assert "measuring" not in capsys.readouterr().out


def test_what_cannot_be_compared_says_why(compared, tmp_path, capsys):
    out, main = compared
    other = tmp_path / "other"
    config = read_json(out / "vae-0" / "config.json")
    other.mkdir()
    write_json(other / "config.json", config | {"training": {"epochs": 9}})
    assert main(out / "vae-0", other) == 1
    assert "not finished: epoch 0 of 9" in capsys.readouterr().err
    assert main() == 1
    assert "which runs?" in capsys.readouterr().err
    assert main("mnist", "--budget", "soon", "--out", tmp_path / "x") == 1
    assert "--budget is 'soon'" in capsys.readouterr().err
    assert main("mnist", "--budget", "9s", "--epochs", 3, "--out", tmp_path / "x") == 1
    assert "give one of them" in capsys.readouterr().err
    strange = tmp_path / "strange"
    shutil.copytree(out / "vae-0", strange)
    config["dataset"]["checksum"] = "another"
    write_json(strange / "config.json", config)
    assert main(out / "vae-0", strange) == 1
    assert "only runs on the same training images" in capsys.readouterr().err
