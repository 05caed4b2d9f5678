"""The comparison: what counts as better, what is said of the models, the report of real runs."""

import re
import shutil
from dataclasses import dataclass, replace
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from genjax.cli import compare as command
from genjax.metrics.catalogue import METRICS, Metric
from genjax.model import MODELS, LatentModel, Model, Params
from genjax.plots.comparison.claims import CLAIMS, KINDS
from genjax.plots.comparison.gaps import explain_gaps
from genjax.plots.comparison.ranking import (
    Contender,
    explain_undertraining,
    find_winner,
    format_mean_std,
    is_better,
    list_metrics,
)
from genjax.plots.comparison.summary import summarize
from genjax.plots.comparison.verdicts import decide_claims
from genjax.recipes import budget, contenders, matched
from genjax.recipes.recipe import Recipe
from genjax.runs.files import read_json, write_json
from genjax.training.configuration import Training
from tests.helpers import blobs, small

LESS, ONE, MORE = (Metric("x", "x", "", best) for best in (0.0, 1.0, np.inf))


def contender(name, undertrained="", **metrics):
    """Make a contender of as many seeds as each metric has values; its model is of that name."""
    rows = zip(*metrics.values(), strict=True)
    model = MODELS.get(name, MODELS["vae"])()
    results = tuple(dict(zip(metrics, row, strict=True)) for row in rows)
    return Contender(name, Params({}, {}, model), (), results, undertrained)


def test_better_is_only_what_the_spread_cannot_explain():
    # means 1 and 2, standard deviations 0.1 and 0.2: 1 > 0.3
    left, right = (0.9, 1.0, 1.1), (1.8, 2.0, 2.2)
    assert is_better(LESS, left, right) is True
    assert is_better(LESS, right, left) is False
    assert is_better(MORE, left, right) is False
    assert is_better(ONE, left, right) is True
    wide = (1.1, 2.0, 2.9)  # standard deviation 0.9
    assert is_better(LESS, left, wide) is None is is_better(LESS, wide, left)
    assert is_better(LESS, (1.0,), (2.0,)) is None  # of one seed nobody knows the spread
    assert is_better(Metric("x", "x", ""), left, right) is None


def test_the_winner_beats_every_other_that_has_the_figure():
    a = contender("a", x=[0.9, 1.0, 1.1])
    b = contender("b", x=[1.8, 2.0, 2.2])
    near = contender("c", x=[1.0, 1.1, 1.2])
    without = contender("d", y=[0.0, 0.0, 0.0])
    assert find_winner(LESS, [a, b, without]) is a
    assert find_winner(MORE, [a, b, without]) is b
    assert find_winner(LESS, [a, b, near]) is None
    assert find_winner(LESS, [a, without]) is None


def test_a_figure_within_another_is_read_and_a_missing_one_is_none():
    runs = ({"best": {"x": 1.0}}, {"best": {"x": 2.0}})
    params = contender("a").params
    assert Contender("a", params, (), runs).values("best.x") == (1.0, 2.0)
    assert Contender("a", params, (), (*runs, {})).values("best.x") == ()


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
    assert format_mean_std(values) == text


def verdicts(*contenders):
    return {d.claim.sentence: d.verdict for d in decide_claims(contenders)}


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
    assert (
        found["Its samples are nearer to the data than a VAE's."]
        == "not decided: within the spread"
    )
    assert found["It is unstable: seeds end far apart."] == "holds"
    assert found["It copies training images."] == "refuted"
    assert found["It falls apart again after its best epoch."] == "holds"
    assert found["It is difficult to evaluate: it has no likelihood."] == "holds"
    assert found["Its samples are blurry."] == "holds"
    assert found["Its reconstructions are blurry."] == "not decided: within the spread"
    assert "It takes longer to train." not in found  # nobody measured it


def test_one_seed_decides_nothing_but_says_where_it_points():
    gan, vae = contender("dcgan", sharpness=[1.0]), contender("vae", sharpness=[0.5])
    speaks_for = "not decided: one seed, which speaks for it"
    assert verdicts(gan, vae)["Its samples are sharper than a VAE's."] == speaks_for
    assert verdicts(vae)["Its samples are blurry."] == speaks_for
    gan, vae = contender("dcgan", sharpness=[2.5]), contender("vae", sharpness=[0.95])
    speaks_against = "not decided: one seed, which speaks against it"
    assert verdicts(gan, vae)["Its samples are sharper than a VAE's."] == speaks_against
    assert verdicts(vae)["Its samples are blurry."] == speaks_against


def test_the_error_of_the_measurement_decides_for_single_runs_alone():
    """Errors 0.03 and 0.04 are 0.05 together; a difference of 0.1 is twice that."""
    gan = contender("gan", sharpness=[0.8], sharpness_sem=[0.03], training_seconds=[2.0])
    vae = contender("vae", sharpness=[0.69], sharpness_sem=[0.04], training_seconds=[1.0])
    near = contender("vae", sharpness=[0.71], sharpness_sem=[0.04])
    claim = "Its samples are sharper than a VAE's."
    assert verdicts(gan, vae)[claim] == "holds for this seed"
    assert verdicts(gan, near)[claim] == "not decided: within the error of the measurement"
    assert verdicts(vae)["Its samples are blurry."] == "holds for this seed"  # 0.69 + 0.08 < 0.9
    assert find_winner(METRICS["sharpness"], [gan, vae]) is None
    assert gan.format_metric("sharpness") == "0.800 ± 0.030"
    (line, _) = summarize([gan, vae])
    assert "gan, 0.800 ± 0.030, for this seed; then vae, 0.690 ± 0.040" in line


def test_the_error_of_a_share_is_binomial():
    record = {"num_generated": 400}
    one = contender("gan", precision=[0.8], record=[record])
    assert one.measurement_error("precision") == pytest.approx(0.02)
    assert one.measurement_error("density") is None
    two = contender("gan", precision=[0.8, 0.8], record=[record, record])
    assert two.measurement_error("precision") is None


def test_every_claim_is_of_a_kind_and_a_metric_that_a_comparison_has():
    models = [e.model for e in matched.match_models(matched.SETTINGS["mnist"]).values()]
    kinds = {kind for kind, belongs in KINDS.items() if any(map(belongs, models))}
    for claim in CLAIMS:
        assert claim.subject in kinds
        assert claim.refutation
        assert claim.reason
        if claim.relation in ("above", "below"):
            float(claim.other)
        else:
            assert claim.relation in ("better", "worse", "unsteadier", "lacks", "disagrees")
            assert claim.other in (METRICS if claim.relation == "disagrees" else kinds)
    assert {c.metric for c in CLAIMS} <= METRICS.keys()


@dataclass(frozen=True)
class Foreign(Model):
    """A user's model: it only samples, and scores images by a discriminator."""

    def score(self, params, images, labels=None):
        return images.mean((1, 2, 3))


def test_claims_are_about_every_model_of_a_kind():
    three = [0.98, 1.0, 1.02]
    foreign = replace(contender("foreign", sharpness=three), params=Params({}, {}, Foreign()))
    gan = contender("gan", sharpness=[0.4, 0.41, 0.42])
    vae = contender("vae", sharpness=[0.5, 0.51, 0.52])
    claim = "Its samples are sharper than a VAE's."
    assert verdicts(foreign, vae)[claim] == "holds"
    assert verdicts(foreign, gan, vae)[claim] == "foreign and vae: holds; gan and vae: refuted"
    (decision,) = [d for d in decide_claims([foreign, vae]) if d.claim.sentence == claim]
    assert decision.measured == "foreign 1.000 ± 0.020, vae 0.510 ± 0.010"


def test_a_tie_is_a_tie_and_nobody_is_best():
    zero = [0.0, 0.0, 0.0]
    a, b = contender("a", recall=zero), contender("b", recall=zero)
    assert find_winner(METRICS["recall"], [a, b]) is None
    (line,) = summarize([a, b])
    assert line == "Most of the data covered (recall): a tie of a and b, 0."
    near = contender("near", recall=[0.0, 0.1, 0.2])
    (line,) = summarize([a, near])
    assert "not decided; within the spread are near, 0.10 ± 0.10, and a, 0" in line
    (line,) = summarize([contender("a", recall=[0.5]), contender("b", recall=[0.9])])
    assert "one seed shows no spread; the first two are b, 0.9, and a, 0.5" in line
    (line,) = summarize([a, contender("b", recall=[0.7, 0.8, 0.9])])
    assert line == "Most of the data covered (recall): **b**, 0.80 ± 0.10; then a, 0."


def test_an_undertrained_model_is_best_at_nothing_and_decides_no_claim():
    three, lower = [0.9, 0.91, 0.92], [0.5, 0.51, 0.52]
    gan = contender("dcgan", undertrained="2 epochs", recall=three, sharpness=three)
    vae = contender("vae", recall=lower, sharpness=lower)
    assert find_winner(METRICS["recall"], [gan, vae]) is None
    assert summarize([gan, vae]) == []
    claim = "Its samples are sharper than a VAE's."
    assert verdicts(gan, vae)[claim] == "not decided: dcgan is undertrained"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([9.0, 8.0, 7.0, 6.0], "4 epochs"),
        ([9.0, 8.0, 7.0, 6.0, 5.0, 4.0], "its loss was still falling"),
        ([9.0, 3.0, 2.2, 2.1, 2.05, 2.0], ""),
        ([2.0] * 6, ""),
    ],
)
def test_a_training_is_too_short_while_its_loss_still_falls(values, reason):
    assert explain_undertraining([{"loss": value} for value in values]) == reason


def test_noise_is_not_sharp_and_a_budget_makes_nobody_fast():
    sharp, noisy = [1.0, 1.01, 1.02], [0.999, 1.0, 1.001]
    noise = contender("gan", sharpness=noisy, precision=[0.0] * 3, training_seconds=[60.0] * 3)
    vae = contender("vae", sharpness=sharp, precision=[0.8] * 3, training_seconds=[61.0] * 3)
    assert summarize([noise, vae]) == []
    slow = contender("slow", training_seconds=[600.0, 601.0, 602.0])
    assert "**vae**, 61" in summarize([vae, slow])[0]


def test_the_metrics_of_a_users_model_are_listed_last():
    mine = contender("mine", codebook_use=[0.5, 0.6], fcd=[1.0, 1.0], seconds=[3.0, 4.0])
    listed = list_metrics([mine, contender("vae", nll=[90.0, 91.0])])
    assert [m.name for m in listed] == ["nll", "codebook_use", "fcd"]
    assert listed[1].title == "codebook use"
    assert listed[1].group == "The model's own metrics"


def likelihoods(nll, distance, **more):
    """Contenders of those NLLs and FCDs, with two seeds that are alike, of binary images."""
    return [
        contender("vae", nll=[a, a], frechet_classifier=[b, b], **more)
        for a, b in zip(nll, distance, strict=True)
    ]


def test_likelihood_and_quality_agree_where_they_give_one_order():
    claim = "Likelihood and quality disagree."
    agree, reverse = [10.0, 20.0, 30.0], [30.0, 20.0, 10.0]
    assert verdicts(*likelihoods([80.0, 90.0, 99.0], agree))[claim] == "refuted"  # rho = 1
    assert verdicts(*likelihoods([80.0, 90.0, 99.0], reverse))[claim] == "holds"  # rho = -1
    half = likelihoods([80.0, 90.0, 99.0], [10.0, 30.0, 20.0])  # rho = 1/2 in both seeds
    assert verdicts(*half)[claim] == "not decided: within the spread"
    assert claim not in verdicts(*half[:2])
    short = likelihoods([85.0], [15.0], undertrained="2 epochs")
    assert verdicts(*half[:2], *short)[claim] == "not decided: vae is undertrained"


def test_only_likelihoods_of_the_same_images_are_compared():
    bits = {"bits_per_dim": [3.0, 3.1], "nll": [6000.0, 6100.0], "frechet_classifier": [1.0, 1.1]}
    flow = contender("flow_matching", **bits)
    assert (flow.observed, contender("vae").observed) == ("bytes", "binary")
    assert flow.format_metric("bits_per_dim") == "≈ 3.050 ± 0.071"
    binary = likelihoods([80.0, 99.0], [10.0, 20.0])
    claim = "Likelihood and quality disagree."
    assert claim not in verdicts(*binary, flow)
    assert find_winner(METRICS["nll"], binary) is binary[0]
    assert find_winner(METRICS["nll"], [*binary, flow]) is None
    assert [line for line in summarize([*binary, flow]) if "likelihood" in line] == [
        "Best likelihood of binary images (NLL): **vae**, ≤ 80; then vae, ≤ 99."
    ]


def test_only_samples_of_one_judge_are_compared():
    def judged(digest):
        return {"record": {"classifier": {"digest": digest}}}

    judge = SimpleNamespace(digest="a")
    assert contenders.are_judged_alike([[judged("a")], [judged("a"), {"record": {}}]], judge)
    assert not contenders.are_judged_alike([[judged("a")], [judged("b")]], judge)


def test_a_dash_has_its_reason():
    vae = contender("vae", nll=[90.0], reconstruction_error=[0.01], frechet_classifier=[9.0])
    gan = contender("gan", frechet_classifier=[9.0])
    assert explain_gaps([vae, gan]) == [
        "No encoder with a decoder, so no reconstruction error: gan.",
        "No likelihood, so no NLL: gan.",
    ]
    assert explain_gaps([gan]) == []


def test_flow_matching_needs_the_steps_that_it_was_measured_to_need():
    ratios = {"one_step_ratio": [9.0, 9.5], "quarter_steps_ratio": [1.0, 1.2]}
    found = verdicts(contender("flow_matching", half_steps_ratio=[1.0, 1.01], **ratios))
    assert found["One pass through the network is not enough."] == "holds"
    assert found["A quarter of its steps is not enough."] == "not decided: within the spread"
    assert found["Half of its steps would do."] == "holds"


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
        if isinstance(models[one], LatentModel):  # else the latents follow from the image's size
            assert models[one].latent_dim == setting.latent_dim
    # a likelihood determines the channels that the decoder ends with
    models["vae"] = replace(models["vae"], likelihood=models["vae-gan"].likelihood)

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
        assert f"{format_mean_std([r[name] for r in runs])}" in text
    pictures = re.findall(r"\]\((.+?)\)", text)
    assert {"pictures/samples.png", "pictures/data.png", "pictures/samples-autoencoder.png"} < set(
        pictures
    )
    assert {"pictures/reconstructions.png", "pictures/interpolations.png"} < set(pictures)
    assert all((out / picture).stat().st_size > 500 for picture in pictures)
    assert page.count('src="data:image/png;base64,') == len(pictures)
    assert "](" not in page
    assert "<strong>Undertrained: vae (2 epochs), autoencoder (2 epochs).</strong>" in page
    meaning = "Fréchet distance in a classifier&#x27;s features; in result.json: frechet_classifier"
    assert f'<abbr title="{meaning}">FCD ↓</abbr>' in page
    assert ">Its samples are blurry.</td>" in page


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
    assert "which models?" in capsys.readouterr().err
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
