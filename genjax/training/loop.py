"""The loop over epochs: run one, look at its terms, record it, save."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from genjax.data import Dataset, Stream
from genjax.distributed import devices, hosts
from genjax.model import Terms
from genjax.model.compiling import compile_lowered
from genjax.runs import checkpoints, run_folder
from genjax.runs.progress import TrainingProgress
from genjax.training import epoch_terms
from genjax.training.configuration import Training
from genjax.training.epoch import run_epoch, run_seeds_epoch
from genjax.training.interrupts import delay_compiling, delay_interrupts
from genjax.training.recorder import Hooks, Recorder
from genjax.training.state import TrainState
from genjax.training.step import count_batches
from genjax.training.streaming import StreamedEpochs
from genjax.training.validation import compute_mean_losses

RunEpoch = Callable[[TrainState], tuple[TrainState, Terms]]


class Loop:
    """A run from its newest checkpoint, or from `state`, to its end; `folder` is None for none."""

    def __init__(
        self,
        state: TrainState,
        dataset: Dataset | Stream,
        training: Training,
        steps: int,
        folder: Path | None,
        hooks: Hooks,
    ):
        self.state, self._dataset, self._training, self._steps = state, dataset, training, steps
        self._folder, self._hooks, self._end = folder, hooks, training.epochs
        if folder:
            self.state = checkpoints.restore(folder, state)
            self._end = hosts.run_on_first(lambda: run_folder.find_end(folder))
        self._done = self._saved = self.state.epochs_done
        self._saved_at = time.monotonic()
        self._recorder = (
            Recorder(self._done, self._end, folder, hooks) if hosts.is_first() else None
        )

    def run(self) -> TrainState:
        """Run all epochs that are left, and return the state after the last."""
        if self._done >= self._end:
            return self.state
        if self._recorder:
            self._recorder.start(self._done, self.state)
        show = self._hooks.progress and hosts.is_first()
        if show and self._done:
            print(f"resuming at epoch {self._done + 1} of {self._end}, from {self._folder}")
        with (
            contextlib.closing(self._recorder) if self._recorder else contextlib.nullcontext(),
            TrainingProgress(self._end, self._count_images(), self._done, show=show) as bar,
        ):
            bar.note("compiling")
            with delay_compiling():
                run = self._compile(bar)
            bar.note("training")
            if self._folder:
                with delay_interrupts() as interrupted:
                    self._run_epochs(run, bar, interrupted)
            else:
                self._run_epochs(run, bar, lambda: False)
        return self.state

    def _run_epochs(
        self, run: RunEpoch, bar: TrainingProgress, interrupted: Callable[[], bool]
    ) -> None:
        try:
            reason = None
            while self._done < self._end and reason is None and not interrupted():
                reason = self._run_epoch(run, bar, interrupted)
            if self._done < self._end and reason is None:
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            if not interrupted():  # else the last epoch is saved, or was being saved
                self._save_interrupted()
            raise

    def _count_images(self) -> int:
        """Return the number of images that an epoch shows to all seeds."""
        batches = self._steps * count_batches(self.state.params.model)
        images = batches * self._training.batch_size
        if not self._training.epoch_steps:
            images = min(images, len(self._dataset))
        return images * self.state.key.size

    def _compile(self, bar: TrainingProgress) -> RunEpoch:
        self.state, data, compiled = compile_epoch(
            self.state, self._dataset, self._training, self._steps
        )
        if isinstance(compiled, StreamedEpochs):
            compiled.on_part = bar.part_done
        return lambda state: compiled(state, *data)

    def _run_epoch(
        self, run: RunEpoch, bar: TrainingProgress, interrupted: Callable[[], bool]
    ) -> str | None:
        """Run, record and save an epoch; return why the run ends with it, if it does early."""
        began, cpu_began = time.perf_counter(), time.process_time()
        self.state, device_terms = run(self.state)
        terms = _fetch_terms(device_terms)
        speed = self._describe_speed(
            time.perf_counter() - began, cpu_seconds=time.process_time() - cpu_began
        )
        epoch, last = self._done + 1, self._done + 1 == self._end
        alive = epoch_terms.find_finite(terms)
        epoch_terms.check_alive(terms, alive, epoch, self._folder)
        del terms["finite"]
        if last and self._training.epochs * self._steps * count_batches(self._model) == 1:
            self._check_only_update()
        here = self.state
        if self._hooks.need_params:
            here = devices.gather(here.replace(opt_state={}))
        if self._recorder:
            recorded = self._recorder.record(epoch, here, terms, alive, speed, bar)
        self._done = epoch
        reason = self._recorder.call_back(epoch, *recorded) if self._recorder else None
        reason, due = self._agree(reason)
        if self._folder and (last or due or reason or interrupted()):
            self._save(reason)
        return reason

    def _describe_speed(self, seconds: float, cpu_seconds: float) -> dict[str, float]:
        """Return the times of an epoch; CPU time is that of all threads together."""
        per_second = self._count_images() / seconds
        return dict(zip(run_folder.TIMES, (seconds, cpu_seconds, per_second), strict=True))

    def _agree(self, reason: str | None) -> tuple[str | None, bool]:
        """Return host 0's reason to end the run early, and whether a checkpoint is due."""
        is_due = time.monotonic() - self._saved_at > checkpoints.SECONDS_BETWEEN
        agreed: list[Any] = hosts.run_on_first(lambda: [reason, is_due])
        return agreed[0], agreed[1]

    @property
    def _model(self) -> Any:
        return self.state.params.model

    def _save(self, reason: str | None = None) -> None:
        folder, epoch = self._folder, self._done
        assert folder
        if reason:  # first: if we die in between, the run goes on to this epoch and ends there
            hosts.run_on_first(lambda: run_folder.note_early_end(folder, epoch, reason))
        checkpoints.save(folder, self.state)
        self._saved, self._saved_at = epoch, time.monotonic()

    def _save_interrupted(self) -> None:
        """Save the last whole epoch, unless a later one has taken its state's buffers."""
        if self._folder is None or jax.process_count() > 1 or self._saved == self._done:
            return
        leaves = jax.tree.leaves(self.state)
        if not any(leaf.is_deleted() for leaf in leaves) and self.state.epochs_done == self._done:
            self._save()

    def _check_only_update(self) -> None:
        """Raise `TrainingDiverged` where the only update of a run has spoilt the weights.

        The losses of a step are those before its update, so nothing else would show it.
        """
        few = self._dataset
        size = min(len(few), self._training.batch_size)
        few = few.to_dataset(size) if isinstance(few, Stream) else few
        state = devices.gather(self.state.replace(opt_state={}))
        rows = (few.images[None, :size], few.labels[None, :size])
        losses = compute_mean_losses(state.params, state.key, rows)
        finite = np.all([np.isfinite(value) for value in losses.values()], axis=0)
        if not np.any(finite):
            epoch_terms.raise_diverged("its update makes the loss infinite", 1, self._folder)


def compile_epoch(
    state: TrainState, dataset: Dataset | Stream, training: Training, steps: int
) -> tuple[TrainState, tuple[jax.Array, ...], Any]:
    """Return the state and the data on their devices, and the compiled epoch that takes both.

    A stream's epoch takes no data.
    """
    many = state.key.ndim == 1
    if many:
        mesh = devices.make_mesh(len(state.key), "seeds")
    else:
        mesh = devices.make_mesh(min(training.batch_size, len(dataset)), "images of a batch")
    state = devices.place(state, mesh, split=many)
    if isinstance(dataset, Stream):
        return state, (), StreamedEpochs(dataset, state, training, steps, mesh)
    data = devices.place((dataset.images, dataset.labels), mesh)
    run = run_seeds_epoch if many else run_epoch
    lowered = run.lower(state, *data, training=training, steps=steps, mesh=mesh)
    return state, data, compile_lowered(lowered, dense=state.is_dense)


def _fetch_terms(terms: Terms) -> dict[str, np.ndarray]:
    """Return the terms on the host, losses first."""
    ordered = sorted(devices.gather(terms).items(), key=lambda item: not item[0].endswith("loss"))
    return {name: np.asarray(value, np.float64) for name, value in ordered}
