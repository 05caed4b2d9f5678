"""A recipe runs from Python: what it leaves, how it continues, and what it refuses."""

import json
import shutil
from dataclasses import replace

import jax
import numpy as np
import pytest

import genjax
from genjax import data
from genjax.data.loaders import LOADERS
from genjax.errors import TrainingDiverged, UserError
from genjax.recipes import (
    RECIPES,
    Recipe,
    budget,
    contenders,
    drawing,
    register_recipe,
    run_recipe,
    trained,
)
from genjax.recipes.measurement import average_results, find_collapsed
from genjax.runs import run_folder
from genjax.runs.files import read_json
from tests.helpers import blobs, small

IMAGES = np.asarray(blobs(60).images)


class Counting(genjax.Callback):
    def __init__(self):
        self.epochs = []

    def on_epoch(self, epoch, params, metrics):
        self.epochs.append((epoch, metrics["validation_loss"]))


COUNTING = Counting()
RECIPE = Recipe(
    dataset="spots",
    model=small("vae", network="mlp"),
    training=genjax.Training(epochs=2, batch_size=16),
    num_samples=np.int64(2),
    num_train=30,
    num_validation=10,
    callbacks=(COUNTING,),
)


def load_spots(split):
    return data.from_arrays(IMAGES if split == "train" else IMAGES[:20] // 2)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run, and the result that `run_recipe` returned."""
    out = tmp_path_factory.mktemp("recipe") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(LOADERS, "spots", load_spots)
        patch.setattr("genjax.recipes.run.draw_run", lambda *arguments: None)
        yield out, run_recipe(RECIPE, out)


def test_a_run_leaves_its_result(run):
    out, result = run
    assert read_json(out / "result.json") == result
    assert result["record"]["num_samples"] == 2
    assert result["recipe"] is None  # it is not a registered one
    assert {"processor", "versions", "date"} <= result["environment"].keys()
    assert (out / "progress" / "000002.npz").exists()


def test_callbacks_see_the_loss_of_held_out_images(run):
    assert [epoch for epoch, _ in COUNTING.epochs] == [1, 2]
    assert all(np.isfinite(loss) for _, loss in COUNTING.epochs)
    train_set, held_out = RECIPE.load()[0], RECIPE.load_validation()
    assert (len(train_set), len(held_out)) == (30, 10)
    seen = {image.tobytes() for image in np.asarray(train_set.images)}
    assert not any(image.tobytes() in seen for image in np.asarray(held_out.images))
    with pytest.raises(UserError, match="num_validation is 31"):
        replace(RECIPE, num_validation=31).load_validation()


def test_a_finished_run_is_left_as_it_is(run, capsys):
    out, result = run
    assert run_recipe(RECIPE, str(out)) == result
    assert "finished already" in capsys.readouterr().out


def test_a_run_is_drawn_while_it_trains_and_has_a_page(run):
    out, result = run
    for name in ("samples", "curves", "reconstructions"):  # after the first epoch; draw_run is out
        assert (out / "figures" / f"{name}.png").exists()
    page = (out / "report.html").read_text()
    assert f"{result['nll']:.4g}" in page
    assert "What is minimised" in page


def test_drawing_is_left_out_where_it_takes_too_much_of_the_time(tmp_path, monkeypatch):
    clock, drawn = [0.0], []
    monkeypatch.setattr(drawing.time, "monotonic", lambda: clock[0])
    images = data.from_arrays(IMAGES)
    draw = drawing.DrawWhileTraining(tmp_path, 400, images, images, jax.random.key(0))

    def take_a_second(seeds):
        drawn.append(clock[0])
        clock[0] += 1

    monkeypatch.setattr(draw, "_draw", take_a_second)
    monkeypatch.setattr(draw, "_save", lambda epoch, params: None)
    params = genjax.init(small("vae", network="mlp").for_images(images.image_shape), 0)
    for epoch in range(1, 401):
        clock[0] += 1
        draw.on_epoch(epoch, params, {})
    assert drawn[0] == 1  # after the first epoch
    assert 0.02 < len(drawn) / 400 < 0.04


def test_a_quick_measurement_gives_way_to_a_full_one_and_not_the_reverse(run, capsys):
    out, result = run
    more = run_recipe(replace(RECIPE, num_samples=3), out)
    assert more["record"]["num_samples"] == 3
    assert run_recipe(RECIPE, out) == more  # measured with more already
    assert "finished already" in capsys.readouterr().out
    (out / "result.json").unlink()
    unmeasured = run_recipe(RECIPE, out, measure=False)
    assert "record" not in unmeasured
    assert unmeasured["training_seconds"] > 0
    assert "Not measured" in (out / "report.html").read_text()
    assert run_recipe(RECIPE, out)["nll"] == result["nll"]


def test_a_damaged_result_is_measured_again(run):
    out, result = run
    flipped = (out / "result.json").read_text().replace('"seconds": ', '"seconds": 1')
    for damage in ("{", "[1]", "[" * 100_000, flipped):
        (out / "result.json").write_text(damage)
        with pytest.warns(UserWarning, match="measured again"):
            again = run_recipe(RECIPE, out)
        assert again["nll"] == result["nll"]
    assert json.loads((out / "result.json").read_text())["nll"] == result["nll"]


def test_a_finished_run_without_its_checkpoint_is_trained_again(run, capsys):
    out, result = run
    shutil.rmtree(out / "checkpoints")
    with pytest.warns(UserWarning, match="but no checkpoint: training begins anew"):
        again = run_recipe(RECIPE, out)
    assert again["nll"] == result["nll"]
    assert "finished already" not in capsys.readouterr().out
    genjax.load(out)


def test_the_data_of_a_run_are_found_and_checked(run, monkeypatch):
    out, _ = run
    train_set, test_set = trained.find_data(out)
    assert (len(train_set), len(test_set)) == (30, 20)
    assert train_set.checksum == RECIPE.load()[0].checksum
    monkeypatch.setitem(LOADERS, "spots", lambda split: data.from_arrays(IMAGES // 2))
    with pytest.raises(UserError, match="not those that the run was trained on"):
        trained.find_data(out)
    monkeypatch.delitem(LOADERS, "spots")
    with pytest.raises(UserError, match=r"'spots', which cannot be found: say where .* dataset="):
        trained.find_data(out)


def test_a_run_on_all_images_of_a_file_finds_them_again(run, tmp_path):
    out, _ = run
    np.savez(tmp_path / "spots.npz", images=IMAGES)
    whole = data.from_npz(tmp_path / "spots.npz")
    shutil.copytree(out, tmp_path / "run")
    config = json.loads((out / "config.json").read_text())
    config["dataset"] |= whole.record()
    config.pop("checksum", None)
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    with pytest.warns(UserWarning, match="has seen the images that it is tested on"):
        train_set, test_set = trained.find_data(tmp_path / "run")
    assert (len(train_set), len(test_set)) == (len(IMAGES), len(IMAGES) // 10)
    assert train_set.checksum == whole.checksum


@pytest.mark.parametrize(
    "part", [{"model": {"name": ["vae"]}}, {"dataset": [1]}, {"model": 3}, {"training": None}]
)
def test_wrong_types_in_a_configuration_are_refused_in_words(run, part, tmp_path):
    config = run_folder.read_config(run[0]) | part
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"config\.json"):
        trained.find_data(tmp_path)


def test_a_run_on_the_first_images_of_version_01_still_counts_as_finished(run, monkeypatch, capsys):
    first = replace(RECIPE, num_validation=0, callbacks=())
    out = run[0].parent / "first"
    old = data.load("spots", "train").take(30), data.load("spots", "test")
    with monkeypatch.context() as patch:
        patch.setattr(Recipe, "load", lambda self: old)
        patch.setattr("genjax.recipes.run._match_old_subset", lambda recipe, images, out: images)
        result = run_recipe(first, out)
    assert np.isfinite(run_folder.read_metrics(out)[0]["validation_loss"])  # of test images
    assert run_recipe(first, out) == result
    assert "finished already" in capsys.readouterr().out


def test_runs_of_foreign_recipes_are_compared(run, monkeypatch):
    out, _ = run
    monkeypatch.setattr(contenders, "MEASURED", {"num_samples": 2, "num_images": 10})
    (contender,), train_set, _, classifier = contenders.measure_runs([out])
    assert (contender.name, len(train_set), classifier) == ("run", 30, None)
    kept = json.loads((out / "compared.json").read_text())
    (out / "compared.json").write_text("{")  # damaged: measured again
    (again,), *_ = contenders.measure_runs([out])
    assert again.values("nll") == (kept["nll"],)


def test_what_is_not_finite_ends_as_diverged(tmp_path, run):
    """A rate of learning that leaves finite, useless weights after the only step."""
    wild = replace(
        RECIPE,
        training=genjax.Training(
            epochs=1, batch_size=64, optimizer=genjax.Optimizer(learning_rate=1e30)
        ),
        num_train=0,
        num_validation=0,
        callbacks=(),
    )
    with pytest.raises(TrainingDiverged):
        run_recipe(wild, tmp_path / "run")
    assert not (tmp_path / "run" / "result.json").exists()


def test_seeds_whose_samples_are_all_of_one_class_have_collapsed():
    results = [{"modes": 1}, {"modes": 7}, None, {"nll": 3.0}]
    assert find_collapsed(results) == 0.5
    with pytest.raises(TrainingDiverged):
        average_results([None, None])


def test_a_recipe_of_ones_own_has_a_name(monkeypatch):
    monkeypatch.setattr("genjax.recipes.recipe.RECIPES", known := dict(RECIPES))
    register_recipe("spots", RECIPE)
    assert known["spots"] is RECIPE
    with pytest.raises(ValueError, match="exists already"):
        register_recipe("spots", RECIPE)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("num_samples", 0),
        ("num_samples", 10**11),
        ("num_train", -1),
        ("num_images", 2.5),
        ("seeds", 0),
        ("seed", 2**32),
    ],
)
def test_numbers_out_of_range_are_refused(field, value):
    with pytest.raises(UserError, match=f"{field} is"):
        replace(RECIPE, **{field: value}).check()


@pytest.mark.parametrize("kept", ["{", "{}", '{"images_a_second": {"a": "fast"}, "num_train": 9}'])
def test_a_damaged_budget_is_measured_again(kept, tmp_path, monkeypatch):
    monkeypatch.setattr(budget, "measure_speed", lambda recipe, train_set: 10.0)
    monkeypatch.setitem(LOADERS, "spots", load_spots)
    (tmp_path / "budget.json").write_text(kept)
    small_recipe = replace(RECIPE, num_train=0, num_validation=0)
    (fitted,) = budget.fit_to_budget({"a": small_recipe}, 12.0, tmp_path).values()
    assert (fitted.num_train, fitted.training.epochs) == (60, 2)
    (least,) = budget.fit_to_budget({"a": small_recipe}, 0.01, tmp_path).values()
    assert least.num_train == 1  # and not 0, which stands for all


@pytest.mark.parametrize("text", ["", "0", "-1", "5 days", "9" * 400 + "h", "nan", "1e5"])
def test_what_is_no_time_is_no_budget(text):
    with pytest.raises(UserError, match="budget is"):
        budget.parse_duration(text)
