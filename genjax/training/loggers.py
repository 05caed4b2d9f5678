"""Callbacks that log a run for TensorBoard, Weights & Biases and MLflow.

Each writes after every epoch all numbers of its line of metrics (of many seeds their means) and now
and then samples of the same latents, of the first seed, and once the configuration. A logger that
fails warns once, and writes no more: the run goes on.
"""

import importlib
import json
import math
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, UInt8

from genjax.distributed.seeds import unstack_seeds
from genjax.errors import UserError, check_integer
from genjax.model import Params, to_json
from genjax.model.compiling import jit
from genjax.runs.files import resolve_path, to_jsonable
from genjax.training.callbacks import Callback

_ROWS = 8  # and columns of the picture of samples


class Logger(Callback):
    """The base of loggers. A subclass gives `open`, `write_numbers`, `write_image` and `close`.

    Args:
        folder: where the log lies.
        config: what is written once, as JSON can hold it; by default the model.
        image_every: epochs from one picture of samples to the next; 0 for none.
    """

    title: ClassVar[str] = ""
    package: ClassVar[str] = ""  # what it imports
    extra: ClassVar[str] = ""  # of pip

    def __init__(
        self,
        folder: str | os.PathLike[str],
        config: Mapping[str, Any] | None = None,
        image_every: int = 1,
    ):
        self.folder, self.config = resolve_path(folder), config
        self.image_every = check_integer(image_every, "image_every", least=0)
        self._failed = False
        try:
            self.library: Any = importlib.import_module(self.package)
        except Exception as error:  # a package for another Python fails in its own ways
            raise UserError(
                f"{self.title} needs a package ({error}): pip install"
                f" 'genjax-vae-gan[{self.extra}]'."
            ) from None

    def open(self, epoch: int, config: Mapping[str, Any]) -> None:
        """Begin the log, or go on with it after `epoch` epochs."""
        raise NotImplementedError

    def write_numbers(self, epoch: int, numbers: Mapping[str, float]) -> None:
        """Write the metrics of an epoch."""
        raise NotImplementedError

    def write_image(self, epoch: int, image: UInt8[np.ndarray, "h w 3"]) -> None:
        """Write a picture of samples."""
        raise NotImplementedError

    def close(self) -> None:
        """End the log."""
        raise NotImplementedError

    def on_start(self, epoch: int, params: Params, metrics: Sequence[Mapping[str, Any]]) -> None:
        self._failed = False
        config = self.config or {"model": to_json(params.model)}
        self._try(lambda: self.open(epoch, to_jsonable(config, "config")))

    def on_epoch(self, epoch: int, params: Params, metrics: Mapping[str, Any]) -> None:
        numbers = {n: v for n, v in metrics.items() if _is_number(v) and n != "epoch"}
        self._try(lambda: self.write_numbers(epoch, numbers))
        if self.image_every and epoch % self.image_every == 0:
            self._try(lambda: self.write_image(epoch, draw_grid(params)))

    def on_end(self) -> None:
        self._try(self.close)

    def _try(self, work: Callable[[], None]) -> None:
        if self._failed:
            return
        try:
            work()
        except Exception as error:
            self._failed = True
            warnings.warn(
                f"the log for {self.title} in {self.folder} cannot be written"
                f" ({type(error).__name__}: {error}). The run goes on without it.",
                stacklevel=3,
            )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


@partial(jit, static_argnums=1)
def _sample(params: Params, num: int) -> UInt8[Array, "num h w c"]:
    images = params.model.sample(params, jax.random.key(0), num)
    return jnp.round(255 * jnp.clip(images, 0, 1)).astype(jnp.uint8)


def draw_grid(params: Params) -> UInt8[np.ndarray, "h w 3"]:
    """Draw samples of the first seed, eight rows of eight, as one picture."""
    images = np.asarray(_sample(unstack_seeds(params)[0], _ROWS**2))
    _, height, width, channels = images.shape
    rows = images.reshape(_ROWS, _ROWS, height, width, channels).swapaxes(1, 2)
    grid = rows.reshape(_ROWS * height, _ROWS * width, channels)
    return grid if channels == 3 else np.repeat(grid[..., :1], 3, axis=2)


class TensorBoardLogger(Logger):
    """Log for TensorBoard: `tensorboard --logdir FOLDER` shows it.

    It is written by tensorboardX (the extra `tensorboard`), without TensorFlow.
    """

    title, package, extra = "TensorBoard", "tensorboardX", "tensorboard"

    def open(self, epoch: int, config: Mapping[str, Any]) -> None:
        self._writer = self.library.SummaryWriter(str(self.folder), purge_step=epoch + 1)
        text = json.dumps(config, indent=2).replace("\n", "\n    ")  # code, in Markdown
        self._writer.add_text("config", f"    {text}", epoch)

    def write_numbers(self, epoch: int, numbers: Mapping[str, float]) -> None:
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, epoch)
        self._writer.flush()

    def write_image(self, epoch: int, image: UInt8[np.ndarray, "h w 3"]) -> None:
        self._writer.add_image("samples", image, epoch, dataformats="HWC")

    def close(self) -> None:
        self._writer.close()


class WandbLogger(Logger):
    """Log for Weights & Biases (the extra `wandb`), offline: `wandb sync` sends it, if you wish.

    Args:
        folder: where the log lies, in its folder wandb/.
        config: what is written once; by default the model.
        image_every: epochs from one picture of samples to the next; 0 for none.
        project: the name of the project.
        mode: "offline", or "online" to send the log while the run trains.
    """

    title, package, extra = "Weights & Biases", "wandb", "wandb"

    def __init__(
        self,
        folder: str | os.PathLike[str],
        config: Mapping[str, Any] | None = None,
        image_every: int = 1,
        project: str = "genjax",
        mode: str = "offline",
    ):
        super().__init__(folder, config, image_every)
        self.project, self.mode = project, mode

    def open(self, epoch: int, config: Mapping[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = self.library.Settings(silent=True, console="off")
        self._run = self.library.init(
            project=self.project,
            dir=str(self.folder),
            config=dict(config),
            mode=self.mode,
            settings=settings,
        )

    def write_numbers(self, epoch: int, numbers: Mapping[str, float]) -> None:
        self._run.log(dict(numbers), step=epoch)

    def write_image(self, epoch: int, image: UInt8[np.ndarray, "h w 3"]) -> None:
        self._run.log({"samples": self.library.Image(image)}, step=epoch)

    def close(self) -> None:
        self._run.finish()


class MLflowLogger(Logger):
    """Log for MLflow (the extra `mlflow`), in a database of one file.

    Args:
        folder: where the log lies: mlflow.db, and the pictures in artifacts/.
        config: what is written once; by default the model.
        image_every: epochs from one picture of samples to the next; 0 for none.
        experiment: the name of the experiment.
        uri: of another store; by default that of MLFLOW_TRACKING_URI, or else the file.
    """

    title, package, extra = "MLflow", "mlflow", "mlflow"

    def __init__(
        self,
        folder: str | os.PathLike[str],
        config: Mapping[str, Any] | None = None,
        image_every: int = 1,
        experiment: str = "genjax",
        uri: str | None = None,
    ):
        super().__init__(folder, config, image_every)
        file = f"sqlite:///{self.folder / 'mlflow.db'}"
        self.experiment = experiment
        self.uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or file

    def open(self, epoch: int, config: Mapping[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._client = self.library.MlflowClient(tracking_uri=self.uri)
        known = self._client.get_experiment_by_name(self.experiment)
        place = Path(self.folder / "artifacts").as_uri()
        identity = (
            known.experiment_id
            if known
            else self._client.create_experiment(self.experiment, artifact_location=place)
        )
        self._run = self._client.create_run(identity).info.run_id
        self._client.log_dict(self._run, dict(config), "config.json")

    def write_numbers(self, epoch: int, numbers: Mapping[str, float]) -> None:
        for name, value in numbers.items():
            self._client.log_metric(self._run, name, value, step=epoch)

    def write_image(self, epoch: int, image: UInt8[np.ndarray, "h w 3"]) -> None:
        self._client.log_image(self._run, image, artifact_file=f"samples/{epoch:06d}.png")

    def close(self) -> None:
        self._client.set_terminated(self._run)


LOGGERS: dict[str, type[Logger]] = {
    "tensorboard": TensorBoardLogger,
    "wandb": WandbLogger,
    "mlflow": MLflowLogger,
}
