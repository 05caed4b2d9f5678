"""The trainer on a game small enough to be played by hand, and when things go wrong."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import genjax
from genjax.model import MODELS, Batch, Model, Params
from genjax.runs import run_folder
from genjax.training.configuration import Optimizer, Training
from genjax.training.epoch import choose_order, gather_batch, run_epoch
from genjax.training.skipping import find_skipped
from genjax.training.state import init_state
from genjax.training.step import compute_gradients, count_batches, update, update_ema
from tests.helpers import blobs, same, small


class Number(nn.Module):
    """A network of one weight."""

    start: float

    @nn.compact
    def __call__(self, x):
        return self.param("w", lambda key: jnp.float32(self.start)) + 0 * jnp.sum(x)


@dataclass(frozen=True)
class Tug(Model):
    """Two players: "left" minimises a b, "right" minimises -a b + b^2, over their own number."""

    poison: float = 0.0
    players: ClassVar = {"left": ("a",), "right": ("b",)}

    def networks(self):
        return {"a": (Number(2.0), (1,)), "b": (Number(3.0), (1,))}

    def losses(self, params: Params, batch: Batch, key):
        a, b = (self.apply(params, name, batch.images) for name in "ab")
        terms = {"a": a, "poisoned": jnp.log(self.poison) if self.poison < 0 else 0.0 * a}
        poisoned = 0 * terms["poisoned"]
        return {"left": a * b + poisoned, "right": -a * b + b**2}, (terms, params.stats)

    def check(self):
        pass


@dataclass(frozen=True)
class Cusp(Tug):
    """The loss of "right" has an infinite derivative in the weights of "left"."""

    def losses(self, params: Params, batch: Batch, key):
        losses, aux = super().losses(params, batch, key)
        a = self.apply(params, "a", batch.images)
        return losses | {"right": losses["right"] + jnp.sqrt(a - 2.0)}, aux


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setitem(MODELS, "tug", Tug)
    monkeypatch.setattr(Tug, "_registered_name", "tug", raising=False)


BATCH = Batch(jnp.zeros((2, 8, 8, 1)), jnp.zeros(2, jnp.int32))


def test_every_player_descends_its_own_loss_alone(key):  # (1)
    own, losses, _, _ = compute_gradients(Tug().init(key), BATCH, key)
    assert own == {"left": {"a": {"w": 3.0}}, "right": {"b": {"w": -2.0 + 2 * 3.0}}}
    assert losses == {"left": 6.0, "right": 3.0}


def test_no_player_is_touched_by_anothers_infinite_derivative(key):
    own, _, _, _ = jax.jit(compute_gradients)(Cusp().init(key), BATCH, key)
    assert own == {"left": {"a": {"w": 3.0}}, "right": {"b": {"w": -2.0 + 2 * 3.0}}}


def test_players_share_their_forward_pass(key):
    """Two players of one VAE: two gradients of one loss cost little more than one."""

    @dataclass(frozen=True)
    class Split(genjax.VAE):
        players: ClassVar = {"encoder": ("encoder",), "decoder": ("decoder",)}

        def losses(self, params, batch, key):
            losses, aux = super().losses(params, batch, key)
            return dict.fromkeys(self.players, losses["vae"]), aux

        def check(self):
            pass

    def flops(cls):
        model = cls(image_shape=(16, 16, 1), channels=(8, 16), hidden=(32,), latent_dim=4)
        batch = Batch(jnp.zeros((16, 16, 16, 1)), jnp.zeros(16, jnp.int32))
        weights = jax.eval_shape(model.init, key)
        return (
            jax.jit(compute_gradients).lower(weights, batch, key).compile().cost_analysis()["flops"]
        )

    assert flops(Split) < 1.05 * flops(genjax.VAE)


def test_players_move_at_once_and_the_average_follows(key):  # (2), (3)
    training = Training(optimizer=Optimizer("sgd", 0.1, b1=0.0), ema_decay=0.5)
    optimizers = {player: training.build_optimizer(Tug(), player, 1) for player in Tug.players}
    state, terms = update(init_state(Tug(), key, training), BATCH, key, optimizers)
    state = update_ema(state, 0.5)
    weights = state.params.weights
    assert weights["a"]["w"] == pytest.approx(2 - 0.1 * 3)
    assert weights["b"]["w"] == pytest.approx(3 - 0.1 * 4)  # with the old a, not 1.7
    assert state.ema["a"]["w"] == pytest.approx(0.5 * 2 + 0.5 * 1.7)
    norms = {"left_gradient_norm", "right_gradient_norm"}
    assert terms.keys() == {"left_loss", "right_loss", "a", "poisoned"} | norms
    assert terms["left_gradient_norm"] == 3.0


def test_the_average_forgets_its_start_quickly(dataset, key):
    """(3): over t = 0, 1, ... the decay is (1 + t) / (10 + t) until it reaches ema_decay."""
    training = Training(1, 10, Optimizer("sgd", 0.1, b1=0.0), ema_decay=0.3)
    state, _ = run_epoch(
        init_state(Tug(), key, training),
        dataset.images,
        dataset.labels,
        training=training,
        steps=5,
    )
    a, b, average = 2.0, 3.0, 2.0
    for t in range(5):
        a, b = a - 0.1 * b, b - 0.1 * (2 * b - a)
        decay = min(0.3, (1 + t) / (10 + t))
        average = decay * average + (1 - decay) * a
    assert state.params.weights["a"]["w"] == pytest.approx(a, rel=1e-5)
    assert state.ema["a"]["w"] == pytest.approx(average, rel=1e-5)


def test_an_epoch_is_a_loop_of_updates(dataset, key):
    """The compiled scan against steps taken one by one in the same order with the same keys."""
    training = Training(epochs=2, batch_size=16, optimizer=Optimizer(schedule="cosine"))
    model = small("vae", image_shape=dataset.image_shape)
    state = init_state(model, key, training)
    optimizers = {"vae": training.build_optimizer(model, "vae", 6)}
    by_hand, losses = state, []
    for number in range(2):
        key_order, key_steps = jax.random.split(jax.random.fold_in(state.key, number))
        order = jax.random.permutation(key_order, 50)
        for step in range(3):
            batch = gather_batch(dataset.images, dataset.labels, order[step * 16 : (step + 1) * 16])
            key_step = jax.random.fold_in(key_steps, step)
            by_hand, terms = update(by_hand, batch, key_step, optimizers)
            losses.append(terms["loss"])
    for _ in range(2):
        state, terms = run_epoch(state, dataset.images, dataset.labels, training=training, steps=3)
    assert terms["loss"] == pytest.approx(np.mean(losses[3:]), rel=1e-4)
    for one, other in zip(
        jax.tree.leaves(state.params.weights), jax.tree.leaves(by_hand.params.weights), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_batches_are_scaled_on_the_device():
    images = np.arange(256, dtype=np.uint8).reshape(4, 8, 8, 1)
    batch = gather_batch(jnp.asarray(images), jnp.arange(4), jnp.array([2, 0]))
    np.testing.assert_allclose(batch.images, images[[2, 0]] / 255.0, rtol=1e-6)
    np.testing.assert_array_equal(batch.labels, [2, 0])


def test_training_lowers_the_loss(dataset, key):
    losses = []
    training = Training(epochs=30, batch_size=25, optimizer=Optimizer(learning_rate=3e-3))
    model = small("vae", image_shape=(8, 8, 1))
    state = init_state(model, key, training)
    for _ in range(30):
        state, terms = run_epoch(state, dataset.images, dataset.labels, training=training, steps=2)
        losses.append(float(terms["loss"]))
    assert losses[-1] < 0.8 * losses[0]


def test_schedules():
    """Half a cosine to zero; a warm-up that multiplies it."""
    ones = {"w": jnp.ones(())}

    def rates(optimizer, steps):
        transform = optimizer.transform(steps)
        state, seen = transform.init(ones), []
        for _ in range(steps):
            change, state = transform.update(ones, state, ones)
            seen.append(-float(change["w"]))
        return seen

    sgd = Optimizer("sgd", 0.1, b1=0.0)
    assert rates(sgd, 3) == pytest.approx([0.1, 0.1, 0.1])
    cosine = [0.05 * (1 + np.cos(np.pi * t / 4)) for t in range(4)]
    falling = dataclasses.replace(sgd, schedule="cosine")
    assert rates(falling, 4) == pytest.approx(cosine)
    warm = dataclasses.replace(sgd, warmup_steps=2)
    assert rates(warm, 12) == pytest.approx([0.05] + [0.1] * 11)
    short = dataclasses.replace(sgd, warmup_steps=500)  # never more than a fifth of the run
    assert rates(short, 10) == pytest.approx([0.05] + [0.1] * 9)
    clipped = dataclasses.replace(sgd, clip_norm=0.5)
    assert rates(clipped, 1) == pytest.approx([0.05])


def test_the_half_life_of_the_average_rises_along_half_a_cosine():
    training = Training(ema_decay=0.9, ema_schedule="cosine")
    decays = [training.compute_ema_decay(np.int32(t), 8_000) for t in (800, 4000)]
    half_lives = [np.log(0.5) / np.log(decay) for decay in decays]
    longest = np.log(0.5) / np.log(0.9)
    shares = [(1 - np.cos(np.pi * share)) / 2 for share in (0.1, 0.5)]
    np.testing.assert_allclose(half_lives, np.multiply(longest, shares), rtol=1e-4)
    assert training.compute_ema_decay(np.int32(8_000), 8_000) == pytest.approx(0.9)
    assert training.compute_ema_decay(np.int32(0), 8_000) == 0.0


def test_b2_rises_along_half_a_cosine():
    """Adam's update of one weight by hand, with the b2 of every step."""
    transform = Optimizer(learning_rate=0.1, b1=0.0, b2=0.99, b2_start=0.5).transform(4)
    state, nu = transform.init({"w": jnp.ones(())}), 0.0
    for t, gradient in enumerate([1.0, -3.0, 0.5, 2.0]):
        change, state = transform.update({"w": jnp.float32(gradient)}, state)
        b2 = 0.99 + (0.5 - 0.99) * (1 + np.cos(np.pi * t / 4)) / 2
        nu = b2 * nu + (1 - b2) * gradient**2
        expected = -0.1 * gradient / (np.sqrt(nu / (1 - b2 ** (t + 1))) + 1e-8)
        assert float(change["w"]) == pytest.approx(expected, rel=1e-4)
    plain = Optimizer(b2_start=0.9).transform(4)
    assert jax.tree.structure(plain.init({"w": 1.0})) == jax.tree.structure(
        Optimizer().transform(4).init({"w": 1.0})
    )


@dataclass(frozen=True)
class Look(Tug):
    """Report how many of a batch's images are bright on the left."""

    def losses(self, params: Params, batch: Batch, key):
        losses, (terms, stats) = super().losses(params, batch, key)
        is_left = batch.images[:, 0, 0, 0] > batch.images[:, 0, -1, 0]
        return losses, (terms | {"left": jnp.mean(is_left, dtype=jnp.float32)}, stats)


def test_half_of_the_images_are_mirrored(key):
    """Of images that are bright on their left, drawn anew in every step."""
    images, labels = jnp.zeros((64, 8, 8, 1), jnp.uint8).at[:, :, 0].set(255), jnp.zeros(64, int)
    shares = {}
    for mirrored in (False, True):
        training = Training(1, 64, mirrored=mirrored)
        state = init_state(Look(), key, training)
        _, terms = run_epoch(state, images, labels, training=training, steps=40)
        shares[mirrored] = float(terms["left"])
    assert shares[False] == 1
    assert shares[True] == pytest.approx(0.5, abs=0.05)


def test_an_update_of_a_large_gradient_is_skipped_and_counted(dataset):
    transform = Optimizer(skip_norm=2.0).transform(1)
    weights = {"w": jnp.ones(2)}
    state = transform.init(weights)
    for gradient, skipped in [(1.0, 0), (2.0, 1), (np.nan, 1), (1.0, 0)]:
        before = state
        change, state = transform.update({"w": jnp.full(2, gradient)}, state, weights)
        assert float(find_skipped(state)) == skipped
        assert np.all(change["w"] == 0) == skipped
        assert same(before.own, state.own) == skipped
    training = Training(1, 16, Optimizer("sgd", skip_norm=1e-3))
    start = init_state(small("vae", image_shape=(8, 8, 1)), jax.random.key(0), training)
    weights = jax.tree.map(np.asarray, start.params.weights)
    after, terms = run_epoch(start, dataset.images, dataset.labels, training=training, steps=2)
    assert float(terms["skipped"]) == 1.0
    assert same(after.params.weights, weights)


def test_an_epoch_may_have_more_steps_than_a_pass_over_the_data(key):
    """Of 20 images in batches of 8, five steps: each image is seen twice."""
    seen = []
    training = Training(2, 8, epoch_steps=5, ema_decay=0.9)
    images = np.arange(20, dtype=np.uint8).reshape(20, 1, 1, 1) * np.ones((8, 8, 1), np.uint8)
    genjax.fit(
        Look(), images, key, training, progress=False,
        callbacks=[Epochs(lambda line: seen.append(line["images_per_second"] * line["seconds"]))],
    )  # fmt: skip
    assert seen == pytest.approx([40, 40])
    state = init_state(Look(), key, training)
    data = (jnp.asarray(images), jnp.zeros(20, int))
    order, _ = choose_order(state, *data, training=training, steps=5)
    assert order.shape == (5, 1, 8)
    assert np.bincount(order.ravel(), minlength=20).tolist() == [2] * 20


class Epochs(genjax.Callback):
    def __init__(self, call):
        self._call = call

    def on_epoch(self, epoch, params, line):
        self._call(line)


def test_adam_is_optaxs():
    ours, theirs = Optimizer(b1=0.5).transform(1), optax.adam(1e-3, 0.5, 0.999)
    weights = {"w": jnp.array([1.0, -2.0])}
    change, _ = ours.update(weights, ours.init(weights), weights)
    expected, _ = theirs.update(weights, theirs.init(weights))
    np.testing.assert_array_equal(change["w"], expected["w"])


def test_the_same_key_gives_the_same_weights(dataset):
    def train(seed):
        params = genjax.fit(
            small("vae"), dataset, jax.random.key(seed), Training(2, 16), progress=False
        )
        return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(params)])

    assert np.array_equal(train(0), train(0))
    assert not np.array_equal(train(0), train(1))


def test_parameters_shown_after_an_epoch_may_be_kept(dataset):
    kept = []
    genjax.fit(
        small("vae"), dataset, jax.random.key(0), Training(2, 16), progress=False,
        on_epoch=lambda epoch, params: kept.append((epoch, params)),
    )  # fmt: skip
    assert [epoch for epoch, _ in kept] == [0, 1, 2]
    assert len({float(jax.tree.leaves(params)[0].sum()) for _, params in kept}) == 3


def test_the_users_key_survives(dataset):
    key = jax.random.key(3)
    genjax.fit(small("vae"), dataset, key, Training(1, 16), progress=False)
    assert jax.random.normal(key).shape == ()  # not donated away


def test_divergence_names_epoch_and_term(registered, dataset, tmp_path):
    """The term that broke, not the loss that it is a part of."""
    training = Training(3, 16, Optimizer("sgd", learning_rate=1e-3))
    message = r"epoch 1: the term 'poisoned' is nan. There is no checkpoint yet"
    with pytest.raises(genjax.TrainingDiverged, match=message):
        genjax.fit(
            Tug(poison=-1.0), dataset, jax.random.key(0), training, out=tmp_path, progress=False
        )
    assert (tmp_path / "metrics.jsonl").read_text() == ""


def test_too_large_steps_diverge_and_leave_finite_records(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr("genjax.runs.checkpoints.SECONDS_BETWEEN", 0.0)
    training = Training(50, 16, Optimizer("sgd", learning_rate=3e3))
    with pytest.raises(genjax.TrainingDiverged, match=r"epoch \d+: "):
        genjax.fit(small("vae"), dataset, jax.random.key(0), training, out=tmp_path, progress=False)
    for line in run_folder.read_metrics(tmp_path):
        assert all(np.isfinite(value) for value in line.values())


def test_divergence_points_to_the_last_good_checkpoint(dataset, tmp_path, monkeypatch):
    """The weights break in the third epoch, while every loss is still finite."""
    monkeypatch.setattr("genjax.runs.checkpoints.SECONDS_BETWEEN", 0.0)
    real = run_epoch

    class Breaking:
        def lower(self, *arguments, **options):
            compiled = real.lower(*arguments, **options).compile()

            def call(state, *data):
                state, terms = compiled(state, *data)
                return state, terms | {"finite": state.epoch < 3}

            return type("Lowered", (), {"compile": lambda self, options: call})()

    monkeypatch.setattr("genjax.training.loop.run_epoch", Breaking())
    with pytest.raises(genjax.TrainingDiverged, match=r"epoch 3: a weight .*checkpoints/2"):
        genjax.fit(
            small("vae"), dataset, jax.random.key(0), Training(5, 16), out=tmp_path, progress=False
        )
    assert genjax.load(tmp_path).model == small("vae", image_shape=(8, 8, 1))


@pytest.mark.parametrize(
    ("training", "name"),
    [
        (Training(epochs=0), "epochs"),
        (Training(optimizer=Optimizer(schedule="cos")), "schedule"),  # type: ignore[arg-type]
        (Training(optimizer=Optimizer("adma")), "name"),  # type: ignore[arg-type]
        (Training(batch_size=0), "batch_size"),
        (Training(ema_decay=1.0), "ema_decay"),
        (Training(optimizer=Optimizer(warmup_steps=-1)), "warmup_steps"),
        (Training(optimizer=Optimizer(learning_rate=-1e-3)), "optimizer.learning_rate"),
        (Training(optimizer=Optimizer(b1=float("nan"))), "b1"),
    ],
)
def test_impossible_budgets_are_refused(training, name, dataset, key):
    with pytest.raises(genjax.UserError, match=f"{name} is .*, but must be"):
        genjax.fit(small("vae"), dataset, key, training)


def test_a_model_for_other_images_is_refused(key):
    with pytest.raises(genjax.UserError, match=r"\(8, 8, 1\), but the data set's are \(9, 9, 3\)"):
        genjax.fit(small("vae", image_shape=(8, 8, 1)), blobs(4, (9, 9, 3)), key)


@pytest.mark.parametrize("name", ["vae", "gan"])
def test_a_batch_knows_how_much_of_the_training_is_done(name, monkeypatch, key):
    """The mean over each epoch's batches; of a game of two turns, over the last turns'."""

    class Reporting(MODELS[name]):
        def losses(self, params, batch, drawn):
            values, (terms, stats) = super().losses(params, batch, drawn)
            return values, (terms | {"progress": jnp.asarray(batch.progress)}, stats)

    Reporting._registered_name = "reporting"
    monkeypatch.setitem(MODELS, "reporting", Reporting)
    fields = {"discriminator_steps": 2} if name == "gan" else {}
    model = Reporting(**dataclasses.asdict(small(name, image_shape=(8, 8, 1), **fields)))
    turns, training, data = count_batches(model), Training(epochs=2, batch_size=8), blobs(32)
    state, found = init_state(model, key, training), []
    for _ in range(2):
        state, terms = run_epoch(
            state, data.images, data.labels, training=training, steps=4 // turns
        )
        found.append(terms["progress"])
    done = np.arange(8)[turns - 1 :: turns] / 8
    np.testing.assert_allclose(found, done.reshape(2, -1).mean(axis=1), atol=1e-6)


def test_posterior_collapse_is_said():
    beta = {"network": "mlp", "binarize": False, "beta": 100.0}
    model = small("vae", image_shape=(8, 8, 1), **beta)
    with pytest.warns(UserWarning, match=r"since epoch \d+ the latents tell only .* nats"):
        genjax.fit(model, blobs(32), 0, Training(12, 4, Optimizer(learning_rate=0.01)))
