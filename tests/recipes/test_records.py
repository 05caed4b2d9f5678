"""The committed results of the named recipes, and the tables that are made of them."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.results import formatting, tables
from experiments.results.record import BENCHMARKS, FOLDER, write_record
from genjax.errors import UserError
from genjax.metrics.catalogue import METRICS
from genjax.recipes import RECIPES, records
from genjax.runs.files import read_json

RECORDS = {path.stem: read_json(path) for path in records.FOLDER.glob("*.json")}
STUDIES = {path.stem: read_json(path) for path in FOLDER.glob("*.json")}


def test_the_pages_show_the_records():
    """`python -m experiments.results tables` makes it so."""
    shown = []
    for page in tables.PAGES:
        text = page.read_text()
        assert tables.fill_tables(text) == text
        shown += re.findall(r"<!-- table: ([\w-]+) -->", text)
    assert sorted(shown) == sorted(tables.TABLES)


def test_every_recipe_has_a_description_and_a_result_or_says_that_it_has_none():
    assert RECORDS.keys() <= RECIPES.keys()
    for name, recipe in RECIPES.items():
        assert recipe.description
        assert set(recipe.headline) <= METRICS.keys()
        if name in RECORDS:
            summary = records.summarize_record(name)
            assert re.fullmatch(r".*\d.*; ([\d.]+ minutes|on an [\w ]+)", summary)
        else:
            assert "not yet run" in recipe.description


@pytest.mark.parametrize("record", [*RECORDS.values(), *STUDIES.values()])
def test_every_record_says_where_it_comes_from(record):
    assert {"commit", "processor", "cores", "versions"} <= record.keys()
    assert record.get("imported") or "date" in record


def test_every_benchmark_says_where_it_comes_from():
    benchmarks = [read_json(path) for path in BENCHMARKS.glob("*.json")]
    assert benchmarks
    for record in benchmarks:
        assert {"device", "versions", "date", "measured_with"} <= record.keys()
        assert "commit" in record or "source" in record


def test_a_recipe_is_known_by_what_it_trains():
    vae = RECIPES["vae-mnist"]
    assert records.find_name(replace(vae, seed=7, num_generated=100)) == "vae-mnist"
    assert records.find_name(replace(vae, num_train=500)) is None
    assert records.find_name(replace(vae, dataset="photos")) is None


def result(**changes):
    environment = {"processor": "p", "cores": 2, "versions": {}, "commit": "c", "date": "d"}
    return {
        "nll": 80.0,
        "nll_sem": 0.1,
        "shares": [1.0],
        "seconds": 60.0,
        "record": {
            "num_samples": 500,
            "num_generated": 0,
            "classifier": None,
            "dataset": {"images": "all"},
        },
        "recipe": "vae-mnist",
        "seed_numbers": [0],
        "environment": environment,
        **changes,
    }


def write(folder: Path, content: dict) -> None:
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps(content))


def test_a_finished_run_is_recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "FOLDER", tmp_path / "results")
    (tmp_path / "results").mkdir()
    write(tmp_path / "run", result())
    path = write_record(tmp_path / "run")
    assert path == tmp_path / "results" / "vae-mnist.json"
    record = read_json(path)
    assert record["metrics"] == {"nll": 80.0, "nll_sem": 0.1, "seconds": 60.0}
    assert record["measured_with"] == {"num_samples": 500}
    assert record["date"] == "d"
    assert records.summarize_record("vae-mnist") == "NLL 80; 1 minutes"
    write(tmp_path / "mine", result(recipe=None))
    with pytest.raises(UserError, match="not the run of a named recipe"):
        write_record(tmp_path / "mine")
    with pytest.raises(UserError, match="no finished run"):
        write_record(tmp_path / "results")


def test_the_seeds_of_a_study_are_averaged(tmp_path, monkeypatch):
    monkeypatch.setattr("experiments.results.record.FOLDER", tmp_path)
    for seed, nll in enumerate((80.0, 82.0)):
        write(tmp_path / "study" / f"beta-vae-{seed}", result(nll=nll))
    record = read_json(write_record(tmp_path / "study"))
    assert record["seeds"] == [0, 1]
    assert record["results"]["beta-vae"]["nll"] == 81
    assert record["results"]["beta-vae"]["nll_sd"] == pytest.approx(2**0.5)


def test_the_seeds_of_a_recipe_that_were_trained_one_by_one_are_averaged(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "FOLDER", tmp_path)
    folder = tmp_path / "runs" / "vae-mnist"
    for seed, nll in enumerate((80.0, 82.0)):
        write(folder / f"vae-mnist-{seed}", result(nll=nll))
    path = write_record(folder)
    assert path == tmp_path / "vae-mnist.json"
    record = read_json(path)
    assert (record["recipe"], record["seeds"]) == ("vae-mnist", [0, 1])
    assert record["metrics"]["nll"] == 81
    assert records.summarize_record("vae-mnist") == "NLL 81; 1 minutes"
    write(folder / "vae-mnist-2", result(recipe="vae-mnist-2d"))
    with pytest.raises(UserError, match="is a run of vae-mnist-2d, but stands among vae-mnist's"):
        write_record(folder)
    shutil.rmtree(folder / "vae-mnist-2")
    write(folder / "third", result())
    with pytest.raises(UserError, match="third must be called vae-mnist-SEED"):
        write_record(folder)


def test_times_of_another_device_are_not_averaged(tmp_path, monkeypatch):
    monkeypatch.setattr("experiments.results.record.FOLDER", tmp_path)
    places = {0: {"processor": "p", "device": "cpu"}, 1: {"processor": "q", "device": "H100"}}
    for seed, environment in places.items():
        changed = result(nll=80.0 + seed, seconds=60.0 - seed, environment=environment)
        write(tmp_path / "study" / f"vae-{seed}", changed)
    record = read_json(write_record(tmp_path / "study"))
    assert record["processor"] == "p"
    assert record["devices_of_other_seeds"] == {"1": "H100"}
    assert record["results"]["vae"]["seconds"] == 60
    assert record["results"]["vae"]["nll"] == 80.5


def test_the_benchmark_is_recorded_by_machine_and_model(tmp_path, monkeypatch):
    monkeypatch.setattr("experiments.results.record.BENCHMARKS", tmp_path / "out")
    (tmp_path / "out").mkdir()
    rows = [
        {"model": "m", "contender": "genjax", "images_per_second": 10.0},
        {"model": "m", "contender": "pytorch-bf16", "images_per_second": 5.0, "ratio": 2.0},
        {"model": "m", "contender": "ceiling", "operations_an_image": 3.0, "ratio": 0.5},
    ]
    environment = {"processor": "P 1", "device": "cpu", "date": "2026-01-02", "commit": "c"}
    content = {"options": {"steps": 40}, "environment": environment, "rows": rows}
    (tmp_path / "bench.json").write_text(json.dumps(content))
    path = write_record(tmp_path / "bench.json")
    assert path.name == "p-1-2026-01-02.json"
    assert read_json(path)["results"] == {
        "m": {
            "images_per_second": 10.0,
            "ratio_pytorch_bf16": 2.0,
            "operations_an_image": 3.0,
            "ratio_ceiling": 0.5,
        }
    }


def test_only_what_is_clearly_best_is_marked():
    column = formatting.Column("FCD", ("frechet_classifier",))

    def marked(*values):
        rows = [
            (("",), {"frechet_classifier": mean, "frechet_classifier_sd": sd})
            for mean, sd in values
        ]
        lines = formatting.format_rows(("",), rows, [column], mark_best=True).splitlines()[2:]
        return ["**" in line for line in lines]

    assert marked((5.0, 1.0), (2.0, 1.0)) == [False, True]
    assert marked((3.0, 1.0), (2.0, 1.0)) == [False, False]


def test_a_json_of_something_else_is_no_benchmark(tmp_path):
    (tmp_path / "tpu.json").write_text(json.dumps({"study": "tpu", "results": {}}))
    with pytest.raises(UserError, match="is not a file that `make bench` writes"):
        write_record(tmp_path / "tpu.json")
