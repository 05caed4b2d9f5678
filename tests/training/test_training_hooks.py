"""What a user's program hooks into training: start, validation, callbacks, optimizers, seeds."""

import contextlib
import json
import os
import signal
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import genjax
from genjax.cli.interrupt import interruptible
from genjax.runs import checkpoints, run_folder
from genjax.training.configuration import Training
from genjax.training.epoch import run_epoch
from genjax.training.interrupts import delay_compiling
from genjax.training.optimizers import CustomOptimizer, Optimizer
from genjax.training.state import init_state
from tests.helpers import blobs, same, small

MODEL = small("vae", network="mlp")
DATA = blobs(32)
TRAINING = Training(3, 16)


def fit(training=TRAINING, model=MODEL, key=0, **options):
    return genjax.fit(model, DATA, key, training, progress=False, **options)


@pytest.fixture(scope="module")
def trained():
    return fit()


# --- keys and arrays -----------------------------------------------------------------------------


def test_a_whole_number_is_a_key_and_an_array_a_data_set(trained):
    assert same(trained, fit(key=jax.random.key(0)))
    arrays = genjax.fit(MODEL, np.asarray(DATA.images), np.int64(0), TRAINING, progress=False)
    assert trained.label_names == DATA.label_names
    assert same(trained.replace(label_names=()), arrays)


@pytest.mark.parametrize("key", [None, "0", -1, 2**32, True, 1.0])
def test_what_is_no_key_is_refused(key):
    with pytest.raises(genjax.UserError, match=r"key is .* but must be a random key"):
        fit(key=key)


# --- start ---------------------------------------------------------------------------------------


def test_a_run_starts_from_given_weights(trained, tmp_path):
    """With a learning rate of 0, it ends in them; the parameters that were given stay alive."""
    still = Training(1, 16, Optimizer("sgd", 0.0))
    tuned = fit(still, replace(MODEL, beta=2.0), start=trained, out=tmp_path)
    assert tuned.model.beta == 2.0
    assert same(tuned.weights, trained.weights)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(trained))
    config = json.loads((tmp_path / "config.json").read_text())
    assert len(config["start"]) == 64
    other = jax.tree.map(lambda leaf: leaf + 1, trained)
    with pytest.raises(genjax.UserError, match=r"start: existing run: '.*'; requested: '.*'"):
        fit(still, replace(MODEL, beta=2.0), start=other, out=tmp_path)
    with pytest.raises(genjax.UserError, match=r"start: .*requested: None"):
        fit(still, replace(MODEL, beta=2.0), out=tmp_path)


def test_many_seeds_start_from_the_same_weights_or_their_own(trained):
    keys, still = jax.random.split(jax.random.key(1), 2), Training(1, 16, Optimizer("sgd", 0.0))
    both = fit(still, key=keys, start=trained)
    for one in genjax.unstack_seeds(both):
        assert same(one.weights, trained.weights)
    again = fit(still, key=keys, start=both)
    assert same(again.weights, both.weights)


def test_weights_of_other_networks_are_refused(trained):
    with pytest.raises(genjax.UserError, match=r"in start do not fit the model: \S+ has the shape"):
        fit(model=small("vae", network="mlp", latent_dim=5), start=trained)
    with pytest.raises(genjax.UserError, match=r"start is dict, but must be parameters"):
        fit(start=trained.weights)


# --- validation and callbacks --------------------------------------------------------------------


class Recording(genjax.Callback):
    """Notes what it is given, and what metrics.jsonl holds at that moment."""

    def __init__(self, folder):
        self.folder, self.seen, self.written = folder, [], []

    def on_start(self, epoch, params, metrics):
        self.seen.append((epoch, len(metrics)))

    def on_epoch(self, epoch, params, metrics):
        self.seen.append((epoch, metrics))
        self.written.append([line["epoch"] for line in run_folder.read_metrics(self.folder)])

    def on_end(self):
        self.seen.append("end")


def test_callbacks_get_metrics_that_are_written_and_held_out_losses(tmp_path):
    recording = Recording(tmp_path)
    params = fit(out=tmp_path, validation=DATA, callbacks=[recording])
    assert recording.written == [[1], [1, 2], [1, 2, 3]]
    assert recording.seen[0] == (0, 0)
    lines = run_folder.read_metrics(tmp_path)
    assert [line for _, line in recording.seen[1:-1]] == lines
    assert recording.seen[-1] == "end"
    assert {"validation_loss", "validation_rate", "validation_distortion"} <= lines[0].keys()
    assert same(params, fit())  # nothing of it changes the run

    batch = genjax.Batch(DATA.images[:16] / 255.0, DATA.labels[:16])
    losses, _ = params.model.losses(params, batch, jax.random.key(1))
    assert lines[-1]["validation_loss"] == pytest.approx(float(losses["vae"]), rel=0.2)


def test_validation_of_many_seeds_and_of_several_players(tmp_path):
    game = small("vae_gan", network="mlp")
    keys = jax.random.split(jax.random.key(0), 2)
    genjax.fit(game, DATA, keys, Training(1, 16), out=tmp_path, validation=DATA, progress=False)
    (line,) = run_folder.read_metrics(tmp_path)
    each = line["seeds"]["validation_discriminator_loss"]
    assert len(each) == 2
    assert line["validation_discriminator_loss"] == pytest.approx(np.mean(each))


def test_a_validation_set_of_other_images_is_refused_at_once(tmp_path):
    with pytest.raises(genjax.UserError, match=r"the data set's are"):
        fit(validation=blobs(8, (9, 9, 1)), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


class StopAfter(genjax.Callback):
    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch(self, epoch, params, metrics):
        if epoch == self.epoch:
            raise genjax.StopTraining("enough")


def test_a_run_that_a_callback_ends_is_finished_and_loadable(tmp_path):
    params = fit(out=tmp_path, callbacks=[StopAfter(2)])
    assert same(genjax.load(tmp_path), params)
    assert same(params, fit(callbacks=[StopAfter(2)]))
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["ended_early"] == {"epoch": 2, "reason": "enough"}
    assert run_folder.find_end(tmp_path) == 2
    before = (tmp_path / "metrics.jsonl").read_bytes()
    assert same(fit(out=tmp_path), params)  # returned as it is
    assert (tmp_path / "metrics.jsonl").read_bytes() == before


def test_a_callback_is_told_of_the_end_of_a_run_that_fails(tmp_path):
    class Failing(genjax.Callback):
        def on_epoch(self, epoch, params, metrics):
            raise OSError("the disk is full")

    recording = Recording(tmp_path)
    with pytest.raises(OSError, match="the disk is full"):
        fit(out=tmp_path, callbacks=[recording, Failing()])
    assert recording.seen[-1] == "end"


def test_early_stopping_goes_on_where_it_was(tmp_path, monkeypatch):
    """Of a metric that never improves after the first epoch: in one go, and interrupted."""
    monkeypatch.setattr(checkpoints, "SECONDS_BETWEEN", 0.0)
    still = Training(10, 16, Optimizer("sgd", 0.0))

    def stop(epoch, params):
        if epoch == 2 and not stopped:
            stopped.append(epoch)
            raise RuntimeError

    for folder in ("whole", "interrupted"):
        stopped = [] if folder == "interrupted" else [0]
        for _ in range(2 - len(stopped)):
            try:
                fit(
                    still, out=tmp_path / folder, validation=DATA, on_epoch=stop,
                    callbacks=[genjax.EarlyStopping("validation_loss", patience=3)],
                )  # fmt: skip
            except RuntimeError:
                continue
        assert run_folder.find_end(tmp_path / folder) == 4
        assert [line["epoch"] for line in run_folder.read_metrics(tmp_path / folder)] == [
            1,
            2,
            3,
            4,
        ]


def test_early_stopping_names_what_it_can_watch():
    with pytest.raises(genjax.UserError, match=r"watches 'validation_loss', .* validation set"):
        fit(callbacks=[genjax.EarlyStopping("validation_loss")])
    with pytest.raises(genjax.UserError, match=r"patience is 0"):
        genjax.EarlyStopping("loss", patience=0)


# --- interrupts and longer runs ------------------------------------------------------------------


def test_an_interrupted_run_is_saved_to_its_last_whole_epoch(tmp_path, capsys, trained):
    def interrupt(epoch, params):
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(out=tmp_path, on_epoch=interrupt)
    assert checkpoints.find_newest(tmp_path).name == "2"
    resumed = genjax.fit(MODEL, DATA, 0, TRAINING, out=tmp_path)
    assert "resuming at epoch 3 of 3" in capsys.readouterr().out
    assert same(resumed, trained)


@pytest.mark.parametrize("surrounding", [contextlib.nullcontext, interruptible])
def test_ctrl_c_ends_the_epoch_that_is_running(tmp_path, surrounding):
    """The signal itself, sent while the second epoch's callback runs: in Python, in a command."""

    def interrupt(epoch, params):
        if epoch == 2:
            os.kill(os.getpid(), signal.SIGINT)

    # a shell that starts the tests in the background has them ignore Ctrl-C
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), surrounding():
            fit(out=tmp_path, on_epoch=interrupt)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert checkpoints.find_newest(tmp_path).name == "2"
    assert len(run_folder.read_metrics(tmp_path)) == 2


def test_ctrl_c_waits_for_the_compiler_in_python_and_ends_a_command_at_once():
    """Python crashes where it ends while jax compiles; a command ends in a way of its own."""
    compiled = []

    def compile_within(surrounding):
        with surrounding(), delay_compiling():
            os.kill(os.getpid(), signal.SIGINT)
            compiled.append(surrounding)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for surrounding in (contextlib.nullcontext, interruptible):
            with pytest.raises(KeyboardInterrupt):
                compile_within(surrounding)
    finally:
        signal.signal(signal.SIGINT, before)
    assert compiled == [contextlib.nullcontext]


def test_a_finished_run_goes_on_for_more_epochs(tmp_path):
    short = fit(Training(1, 16), out=tmp_path)
    (tmp_path / "result.json").write_text("{}")
    longer = fit(TRAINING, out=tmp_path)
    assert same(longer, fit(TRAINING))  # of a constant learning rate, as in one go
    assert not same(longer, short)
    config = json.loads((tmp_path / "config.json").read_text())
    assert (config["training"]["epochs"], config["extended_from"]) == (3, [1])
    assert not (tmp_path / "result.json").exists()  # it measured the shorter run
    with pytest.raises(genjax.UserError, match=r"training.epochs: existing run: 3; requested: 2"):
        fit(Training(2, 16), out=tmp_path)


def test_a_longer_run_with_a_schedule_says_what_it_means(tmp_path):
    cosine = Training(1, 16, Optimizer(schedule="cosine"))
    fit(cosine, out=tmp_path)
    with pytest.warns(
        UserWarning, match=r"goes on from 1 to 2 epochs: its learning rate now follows"
    ):
        fit(replace(cosine, epochs=2), out=tmp_path)


def test_an_unfinished_run_is_not_made_longer(tmp_path):
    def stop(epoch, params):
        if epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(out=tmp_path, on_epoch=stop)
    with pytest.raises(genjax.UserError, match=r"training.epochs: existing run: 3; requested: 4"):
        fit(Training(4, 16), out=tmp_path)


# --- optimizers ----------------------------------------------------------------------------------


def make_lion(steps):
    return optax.lion(optax.cosine_decay_schedule(1e-3, steps))


def test_an_optimizer_of_ones_own_is_known_by_its_name(tmp_path):
    lion = Training(1, 16, CustomOptimizer("lion-cosine", make_lion))
    params = fit(lion, out=tmp_path)
    assert not same(params, fit(Training(1, 16)))
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["training"]["optimizer"] == {"name": "lion-cosine", "custom": True}
    assert same(fit(lion, out=tmp_path), params)
    for other in (Optimizer(), CustomOptimizer("lion", optax.lion(1e-3))):
        with pytest.raises(genjax.UserError, match=r"training.optimizer.name: existing run"):
            fit(Training(1, 16, other), out=tmp_path)


def test_a_run_of_adam_is_not_returned_for_another_optimizer(tmp_path):
    class Lion(Optimizer):
        def transform(self, steps):
            return optax.lion(1e-3)

    fit(Training(1, 16), out=tmp_path)
    for other in (CustomOptimizer("lion", optax.lion(1e-3)), Lion()):
        with pytest.raises(genjax.UserError, match=r"training.optimizer\.\w+: existing run"):
            fit(Training(1, 16, other), out=tmp_path)


@pytest.mark.parametrize(
    "optimizer",
    [
        optax.lion(1e-3),
        CustomOptimizer("adam", optax.lion(1e-3)),
        CustomOptimizer("", optax.lion(1e-3)),
        CustomOptimizer("lion", 3),  # type: ignore[arg-type]
        CustomOptimizer("lion", lambda steps: None),  # type: ignore[arg-type,return-value]
    ],
)
def test_what_is_no_optimizer_is_refused(optimizer):
    with pytest.raises(genjax.UserError, match=r"optimizer.* but must be"):
        fit(Training(1, 16, optimizer))


@pytest.mark.parametrize(
    "optimizer", [Optimizer("adamw", clip_norm=1.0), CustomOptimizer("lion", optax.lion(1e-3))]
)
def test_a_network_with_the_rate_0_does_not_move(optimizer):
    frozen = fit(replace(TRAINING, optimizer=optimizer, learning_rate_factors=(("decoder", 0),)))
    start = MODEL.for_images((8, 8, 1)).init(jax.random.fold_in(jax.random.key(0), 0))
    assert same(frozen.weights["decoder"], start.weights["decoder"])
    assert not same(frozen.weights["encoder"], start.weights["encoder"])


def test_statistics_of_a_frozen_network_do_not_move(key):
    training = Training(1, 16, learning_rate_factors=(("generator", 0.0),))
    start = init_state(small("dcgan", image_shape=(8, 8, 1)), key, training)
    before = jax.tree.map(jnp.copy, start.params)
    after, _ = run_epoch(start, DATA.images, DATA.labels, training=training, steps=2)
    assert same(after.params.weights["generator"], before.weights["generator"])
    assert same(after.params.stats["generator"], before.stats["generator"])
    assert not same(after.params.weights["discriminator"], before.weights["discriminator"])


def test_rates_by_network_multiply_updates():
    model = MODEL.for_images((8, 8, 1))
    sgd = Training(optimizer=Optimizer("sgd", 0.5, b1=0.0), learning_rate_factors=(("decoder", 3),))
    ones = {name: {"w": jnp.ones(())} for name in ("encoder", "decoder")}
    built = sgd.build_optimizer(model, "vae", 1)
    change, _ = built.update(ones, built.init(ones), ones)
    assert (float(change["encoder"]["w"]), float(change["decoder"]["w"])) == (-0.5, -1.5)
    with pytest.raises(genjax.UserError, match=r"\(vae, encoder, decoder\)"):
        fit(replace(TRAINING, learning_rate_factors=(("generator", 2.0),)))


def test_a_warm_up_that_is_cut_is_said():
    with pytest.warns(UserWarning, match=r"warmup_steps is 100, but the run has only 2 updates"):
        fit(Training(1, 16, Optimizer(warmup_steps=100)))


def test_numbers_of_numpy_count(tmp_path):
    training = Training(np.int64(1), np.int32(16), Optimizer(learning_rate=np.float32(1e-3)))
    fit(training, out=tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["training"]["epochs"] == 1
    assert config["training"]["optimizer"]["learning_rate"] == pytest.approx(1e-3)
