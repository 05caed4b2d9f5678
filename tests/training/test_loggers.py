"""Logs of a run for TensorBoard, Weights & Biases and MLflow."""

import io
import json
import struct
import sys

import numpy as np
import pytest
from PIL import Image

import genjax
from genjax.cli import train
from genjax.model import to_json
from genjax.runs import run_folder
from genjax.training.loggers import Logger, draw_grid
from tests.helpers import blobs, small

TRAINING = genjax.Training(epochs=2, batch_size=20)


class Memory(Logger):
    """Keeps everything; fails in the function `failing`."""

    title, package, extra = "memory", "json", "none"

    def __init__(self, folder, failing="", **options):
        super().__init__(folder, **options)
        self.failing, self.calls = failing, []

    def note(self, name, *what):
        self.calls.append((name, *what))
        if name == self.failing:
            raise OSError("the disk is full")

    def open(self, epoch, config):
        self.note("open", epoch, config)

    def write_numbers(self, epoch, numbers):
        self.note("numbers", epoch, numbers)

    def write_image(self, epoch, image):
        self.note("image", epoch, image)

    def close(self):
        self.note("close")


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """A run with several loggers at once: its folder, its parameters and the loggers."""
    folder = tmp_path_factory.mktemp("run")
    loggers = [
        Memory(folder),
        Memory(folder, failing="numbers"),
        Memory(folder, failing="close", config={"why": "a test"}, image_every=2),
    ]
    pytest.importorskip("tensorboardX")
    loggers.append(genjax.TensorBoardLogger(folder / "logs", image_every=2))
    model = small("vae", network="mlp", latent_dim=2)
    with pytest.warns(UserWarning, match="The run goes on") as warned:
        params = genjax.fit(
            model, blobs(40), 0, TRAINING, out=folder / "run", callbacks=loggers, progress=False
        )
    return folder, params, loggers, [str(warning.message) for warning in warned]


def test_every_epoch_is_logged(logged):
    folder, params, (memory, *_), _ = logged
    lines = run_folder.read_metrics(folder / "run")
    names = [name for name, *_ in memory.calls]
    assert names == ["open", "numbers", "image", "numbers", "image", "close"]
    assert memory.calls[0][1:] == (0, json.loads(json.dumps({"model": to_json(params.model)})))
    for (_, epoch, numbers), line in zip(memory.calls[1:5:2], lines, strict=True):
        assert epoch == line["epoch"]
        assert numbers["loss"] == line["loss"]
        assert "checksum" not in numbers
    np.testing.assert_array_equal(memory.calls[4][2], draw_grid(params))


def test_a_logger_that_fails_warns_once_and_stops_nothing(logged):
    _, _, (_, in_middle, at_end, *_), warned = logged
    assert [name for name, *_ in in_middle.calls] == ["open", "numbers"]
    assert at_end.calls[0][2] == {"why": "a test"}
    assert [name for name, *_ in at_end.calls] == ["open", "numbers", "numbers", "image", "close"]
    assert len(warned) == 2
    assert all("OSError: the disk is full). The run goes on without it." in text for text in warned)


def test_the_picture_shows_samples_in_rows():
    params = small("vae", network="mlp", latent_dim=2, image_shape=(8, 9, 1)).init(0)
    grid = draw_grid(params)
    assert grid.shape == (64, 72, 3)
    samples = np.asarray(genjax.sample(params, 0, 64))
    np.testing.assert_allclose(grid[8:16, 9:18, 0] / 255, samples[9, ..., 0], atol=0.003)


def read_events(file):
    """Read a log without TensorFlow: each record is its length, 4 bytes, itself, and 4 bytes."""
    event_type = pytest.importorskip("tensorboardX.proto.event_pb2").Event
    content = file.read_bytes()
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        event = event_type.FromString(content[12 : 12 + length])
        yield from ((event.step, value) for value in event.summary.value)
        content = content[16 + length :]


def test_tensorboard_has_scalars_images_and_the_configuration(logged):
    folder, params, *_ = logged
    (file,) = (folder / "logs").glob("events*")
    values = list(read_events(file))
    lines = run_folder.read_metrics(folder / "run")
    losses = [(step, value.simple_value) for step, value in values if value.tag == "loss"]
    assert losses == [(line["epoch"], pytest.approx(line["loss"])) for line in lines]
    ((step, picture),) = [(step, v) for step, v in values if v.HasField("image")]
    assert step == 2
    with Image.open(io.BytesIO(picture.image.encoded_image_string)) as image:
        np.testing.assert_array_equal(image, draw_grid(params))
    (text,) = [value for _, value in values if value.tag.startswith("config")]
    assert '"latent_dim": 2' in text.tensor.string_val[0].decode()


@pytest.mark.extra
@pytest.mark.filterwarnings("ignore")  # of the package's
def test_mlflow_keeps_metrics_and_pictures(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # a database takes seconds to make
    uri = (tmp_path / "store").as_uri()
    logger = genjax.MLflowLogger(tmp_path, uri=uri)
    params = small("vae", network="mlp", latent_dim=2, image_shape=(8, 8, 1)).init(0)
    logger.on_start(0, params, [])
    logger.on_epoch(1, params, {"epoch": 1, "loss": 2.5, "seeds": []})
    logger.on_end()
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("genjax")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.metrics == {"loss": 2.5}
    assert run.info.status == "FINISHED"
    assert list((tmp_path / "artifacts").rglob("000001.png"))


@pytest.mark.extra
def test_wandb_is_offline(tmp_path):
    pytest.importorskip("wandb")
    logger = genjax.WandbLogger(tmp_path)
    params = small("vae", network="mlp", latent_dim=2, image_shape=(8, 8, 1)).init(0)
    logger.on_start(0, params, [])
    logger.on_epoch(1, params, {"epoch": 1, "loss": 2.5})
    logger.on_end()
    assert list((tmp_path / "wandb").glob("offline-run-*/run-*.wandb"))


def test_a_missing_package_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(genjax.UserError, match=r"pip install 'genjax-vae-gan\[wandb\]'"):
        genjax.WandbLogger(tmp_path)


def test_the_command_makes_loggers(tmp_path, monkeypatch):
    pytest.importorskip("tensorboardX")
    asked = {}
    monkeypatch.setattr(train, "run_recipe", lambda *_, **options: asked.update(options))
    monkeypatch.setattr(train, "report", lambda *_: None)
    assert train.main(["vae-mnist", "--log", "tensorboard", "--out", str(tmp_path)]) == 0
    (logger,) = asked["loggers"]
    assert logger.folder == tmp_path / "logs" / "tensorboard"
    assert logger.config["training"]["epochs"] // 20 == logger.image_every
    with pytest.raises(SystemExit):
        train.main(["vae-mnist", "--log", "nothing"])
