"""Adversarial models: who learns from what, update schedules, statistics, warnings."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import genjax
from genjax import losses
from genjax.model import MODELS, Batch
from genjax.models.adversarial import AdversarialModel
from genjax.models.adversarial_watch import nearest_distance
from genjax.nn import normalization
from genjax.nn.augmentation import augment
from genjax.nn.networks import halved_sizes
from genjax.nn.normalization import BatchNorm, apply_normalized
from genjax.training.configuration import Optimizer, Training
from genjax.training.epoch import run_epoch
from genjax.training.state import init_state
from genjax.training.step import compute_gradients, count_batches
from tests.helpers import NAMES, blobs, small

ADVERSARIAL = [name for name in NAMES if issubclass(MODELS[name], AdversarialModel)]
SHAPE = (12, 9, 3)
DATA = blobs(16, SHAPE)
BATCH = Batch(DATA.images / jnp.float32(255), DATA.labels)
PENALISED = {"discriminator_norm": "none", "r1": 0.7, "r2": 0.3, "gradient_penalty": 2.0}


def lively(model, key):
    """Parameters far enough from zero for every gradient to show."""
    return jax.tree.map(lambda w: w + 0.1 * jax.random.normal(key, w.shape), model.init(key))


@pytest.mark.parametrize(
    ("name", "loss"),
    [("gan", loss) for loss in losses.ADVERSARIAL]
    + [(name, "hinge") for name in ADVERSARIAL if name != "gan"],
)
def test_the_losses_are_those_of_the_scores(name, loss, key):  # (1) to (5)
    model = small(name, image_shape=SHAPE, loss=loss, **PENALISED, generator_norm="none")
    params = lively(model, key)
    noise = model.draw_noise(BATCH, key)
    z, u, *_ = noise
    values, (terms, _) = model.losses(params, BATCH, noise)
    x, x_fake = 2 * BATCH.images - 1, model.apply(params, "generator", z)
    r, f = model.score(params, BATCH.images), model.score(params, (x_fake + 1) / 2)

    def score(images):
        return model.score(params, (images + 1) / 2)

    adversarial = losses.ADVERSARIAL[loss]
    penalty = (
        losses.one_centred_penalty(score, x, x_fake, 2.0, u)
        + losses.zero_centred_penalty(score, x, 0.7)
        + losses.zero_centred_penalty(score, x_fake, 0.3)
    )
    expected = jnp.mean(adversarial.discriminator(r, f) + penalty)
    np.testing.assert_allclose(values["discriminator"], expected, rtol=1e-4)
    np.testing.assert_allclose(values["generator"], jnp.mean(adversarial.generator(r, f)), 1e-4)
    np.testing.assert_allclose(terms["penalty"], jnp.mean(penalty), rtol=1e-3)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_the_discriminator_sees_changed_images_only(name, key):  # (8)
    """The game on T(x) and T'(G(z)), penalties too, from scores of images that we change here."""
    fields = {"augment": ("translation", "colour"), "penalty_end": 0.2}
    model = small(name, image_shape=SHAPE, **PENALISED, **fields, generator_norm="none")
    params = lively(model, key)
    noise = model.draw_noise(BATCH, key)
    batch = dataclasses.replace(BATCH, progress=0.25)
    values, _ = jax.jit(model.losses)(params, batch, noise)
    x = augment(2 * BATCH.images - 1, noise.changes[0])
    x_fake = augment(model.apply(params, "generator", noise.z), noise.changes[1])
    assert not np.allclose(noise.changes[0]["colour"], noise.changes[1]["colour"])

    def score(images):
        return model.score(params, (images + 1) / 2)

    faded = 0.2 + 0.8 * (1 + np.cos(np.pi / 4)) / 2  # with_discriminator (5)
    penalty = (
        losses.one_centred_penalty(score, x, x_fake, 2.0, noise.u)
        + losses.zero_centred_penalty(score, x, 0.7 * faded)
        + losses.zero_centred_penalty(score, x_fake, 0.3 * faded)
    )
    adversarial, r, f = losses.ADVERSARIAL[model.loss], score(x), score(x_fake)
    expected = jnp.mean(adversarial.discriminator(r, f) + penalty)
    np.testing.assert_allclose(values["discriminator"], expected, rtol=1e-4)
    np.testing.assert_allclose(values["generator"], jnp.mean(adversarial.generator(r, f)), 1e-4)


def test_changes_are_drawn_beside_what_was_drawn_before(key):
    """A model with them draws the latents and shares of the model without."""
    plain, changed = (small("gan", image_shape=SHAPE, augment=a) for a in ((), ("cutout",)))
    before, after = (model.draw_noise(BATCH, key) for model in (plain, changed))
    np.testing.assert_array_equal(before.z, after.z)
    np.testing.assert_array_equal(before.u, after.u)
    assert before.changes == ({}, {})


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_a_step_against_the_gradient_moves_the_scores_the_right_way(name, key):
    """The discriminator's raises D(x) - D(G(z)), the generator's raises D(G(z))."""
    model = small(name, image_shape=SHAPE, loss="wasserstein", discriminator_norm="spectral",
                  generator_norm="none", r1=0.0, r2=0.0)  # fmt: skip
    params = lively(model, key)
    own, _, _, _ = compute_gradients(params, BATCH, key)

    def mean_scores(weights):
        changed = params.replace(weights=params.weights | weights)
        _, (terms, _) = model.losses(changed, BATCH, model.draw_noise(BATCH, key))
        return terms["D(x)"], terms["D(G(z))"]

    def stepped(player):
        return jax.tree.map(
            lambda w, g: w - 1e-3 * g, {player: params.weights[player]}, own[player]
        )

    real, fake = mean_scores({})
    better_real, better_fake = mean_scores(stepped("discriminator"))
    assert better_real - better_fake > real - fake
    real_again, raised = mean_scores(stepped("generator"))
    assert raised > fake
    assert real_again == real  # what the generator does cannot change the score of real images


@pytest.mark.parametrize("steps", [1, 3])
def test_the_discriminator_moves_k_times_as_often(steps, key):  # (6)
    model = small("gan", image_shape=SHAPE, discriminator_steps=steps)
    training = Training(2, 4)
    assert count_batches(model) == steps
    state = init_state(model, key, training)
    state, _ = run_epoch(state, DATA.images, DATA.labels, training=training, steps=2)
    counts = {player: int(state.opt_state[player][0].count) for player in model.players}
    assert counts == {"discriminator": 2 * steps, "generator": 2}


def test_k_steps_are_k_batches_by_hand(key):
    """An epoch of k = 2 against plain gradient descent, batch by batch."""
    model = small("gan", image_shape=SHAPE, discriminator_steps=2)
    training = Training(1, 4, Optimizer("sgd", 0.01, b1=0.0))
    state = init_state(model, key, training)
    params = state.params
    key_order, key_steps = jax.random.split(jax.random.fold_in(state.key, 0))
    order = jax.random.permutation(key_order, 16).reshape(4, 4)
    for i, movers in enumerate([["discriminator"], ["discriminator", "generator"]] * 2):
        batch = Batch(BATCH.images[order[i]], BATCH.labels[order[i]])
        own, _, _, stats = compute_gradients(params, batch, jax.random.fold_in(key_steps, i))
        weights = dict(params.weights)
        for player in movers:
            weights[player] = jax.tree.map(
                lambda w, g: w - 0.01 * g, weights[player], own[player][player]
            )
        params = params.replace(weights=weights, stats=stats)
    state, _ = run_epoch(state, DATA.images, DATA.labels, training=training, steps=2)
    for ours, by_hand in zip(jax.tree.leaves(state.params), jax.tree.leaves(params), strict=True):
        np.testing.assert_allclose(ours, by_hand, atol=1e-5)


def test_a_player_may_have_a_learning_rate_of_its_own(key):
    model = small("gan", image_shape=SHAPE)
    sgd = Optimizer("sgd", 0.01, b1=0.0)

    def change(factors):
        training = Training(1, 16, sgd, learning_rate_factors=factors)
        state = init_state(model, key, training)
        before = jax.tree.map(jnp.copy, state.params.weights)
        state, _ = run_epoch(state, DATA.images, DATA.labels, training=training, steps=1)
        return jax.tree.map(jnp.subtract, state.params.weights, before)

    plain, other = change(()), change((("discriminator", 3.0),))
    for factor, player in [(3.0, "discriminator"), (1.0, "generator")]:
        for a, b in zip(
            jax.tree.leaves(plain[player]), jax.tree.leaves(other[player]), strict=True
        ):
            np.testing.assert_allclose(factor * a, b, atol=1e-6)


def test_only_the_generator_is_averaged(key):
    state = init_state(small("dcgan", image_shape=SHAPE), key, Training(ema_decay=0.9))
    assert state.ema.keys() == {"generator"}
    state = state.replace(ema=jax.tree.map(jnp.zeros_like, state.ema))
    params = state.average_params()
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(params.weights["generator"]))
    for ours, trained in zip(
        jax.tree.leaves(params.weights["discriminator"]),
        jax.tree.leaves(state.params.weights["discriminator"]),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, trained)


@pytest.mark.parametrize("name", ["gan", "dcgan"])
def test_standing_statistics_are_those_of_the_weights_they_are_used_with(name, key):
    """The network under standing statistics against the network normalising one huge batch."""
    model = small(name, image_shape=SHAPE)
    params = lively(model, key)
    settled = model.recompute_stats(params, jax.random.key(7))
    z = jax.random.normal(jax.random.key(8), (4_096, model.latent_dim))
    by_batch, _ = model.apply_training(params, "generator", z)
    images = 2 * model.decode(settled, z) - 1
    before = 2 * model.decode(params, z) - 1
    assert np.abs(images - by_batch).mean() < 0.02
    assert np.abs(before - by_batch).mean() > 0.05
    assert jax.tree.structure(settled) == jax.tree.structure(params)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_scores_do_not_depend_on_the_company(name, key):
    params = lively(small(name, image_shape=SHAPE), key)
    scores = genjax.score(params, BATCH.images)
    assert scores.shape == (16,)
    np.testing.assert_allclose(genjax.score(params, BATCH.images[3:4]), scores[3:4], atol=1e-5)


def test_a_model_without_a_discriminator_says_which_have_one(key):
    params = small("vae", image_shape=SHAPE).init(key)
    with pytest.raises(TypeError, match=r"'vae' cannot score images.*dcgan, gan"):
        genjax.score(params, BATCH.images)


class Normalized(nn.Module):
    """One dense layer under spectral normalisation."""

    @nn.compact
    def __call__(self, x, train=False):
        return apply_normalized(nn.Dense(4, use_bias=False), x, "spectral", train)


def test_spectral_normalisation_divides_by_the_largest_singular_value(key):
    layer, x = Normalized(), jnp.eye(6)
    variables = layer.init(key, x)
    weights, stats = variables["params"], variables["batch_stats"]
    for _ in range(50):  # power iterations
        out, changed = layer.apply(
            {"params": weights, "batch_stats": stats}, x, train=True, mutable=["batch_stats"]
        )
        stats = changed["batch_stats"]
    kernel = np.asarray(jax.tree.leaves(weights)[0])
    largest = np.linalg.svd(kernel, compute_uv=False)[0]
    np.testing.assert_allclose(out, kernel / largest, rtol=1e-3, atol=1e-5)
    found = layer.apply({"params": weights, "batch_stats": stats}, x)
    np.testing.assert_allclose(found, out, rtol=1e-3, atol=1e-5)


def test_diversity_sees_few_modes(key):
    """Twenty copies of few images with a little noise, against as many images of their own."""
    images = jax.random.normal(key, (20, 6, 5, 1))
    distances = np.linalg.norm(
        np.asarray(images).reshape(20, 1, -1) - np.asarray(images).reshape(1, 20, -1), axis=-1
    )
    expected = np.where(np.eye(20, dtype=bool), np.inf, distances).min(axis=1).mean()
    np.testing.assert_allclose(nearest_distance(images), expected, rtol=1e-4)
    collapsed = jnp.tile(images[:4], (5, 1, 1, 1)) + 0.01 * images
    assert nearest_distance(collapsed) < 0.05 * expected


@pytest.mark.parametrize(
    ("terms", "names"),
    [
        ({"D_loss_share": 0.5, "diversity": 0.9}, []),
        ({"D_loss_share": 0.01, "diversity": 0.9}, ["discriminator wins"]),
        ({"D_loss_share": 0.5, "diversity": 0.1}, ["samples collapse"]),
        ({"diversity": 0.1}, ["samples collapse"]),  # Wasserstein: nobody wins
        ({"D_loss_share": 0.5, "D_overfitting": 0.6}, ["discriminator overfits"]),
        ({"D_loss_share": 0.9, "D_overfitting": 0.6}, []),  # a lead too small to be divided by
        ({"D_loss_share": 0.5, "D_overfitting": np.nan}, []),
        ({"D_loss_share": 0.01, "D_overfitting": 0.1}, ["discriminator wins"]),  # fairly
    ],
)
def test_warnings_in_words(terms, names):
    found = genjax.DCGAN().warnings(
        {"D(x)": 0.999, "validation_D(x)": 0.4, "D(G(z))": 0.001} | terms
    )
    assert [warning.name for warning in found] == names
    assert all("may help" in warning.advice for warning in found)
    assert [w.name for w in found if w.is_collapse] == [n for n in names if "collapse" in n]


def test_a_failing_training_warns_once_and_is_recorded(tmp_path, key):
    """A generator that does not learn loses at once."""
    training = Training(
        8, 8, Optimizer(learning_rate=5e-3), learning_rate_factors=(("generator", 0.0),)
    )
    model = small("gan", discriminator_hidden=(64,))
    with pytest.warns(UserWarning, match=r"since epoch \d the discriminator tells nearly") as seen:
        genjax.fit(model, blobs(64), key, training, out=tmp_path, progress=False)
    assert sum("tells nearly" in str(w.message) for w in seen) == 1
    lines = genjax.runs.run_folder.read_metrics(tmp_path)
    assert "warnings" not in lines[0] or "discriminator wins" not in lines[0]["warnings"]
    assert "discriminator wins" in lines[-1]["warnings"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"loss": "wasserstein"}, "has no bound unless"),
        ({"r1": 1.0, "discriminator_norm": "batch"}, "scores every image by itself"),
        ({"r2": -1.0}, "r2 is -1.0"),
        ({"loss": "cross_entropy"}, "loss is 'cross_entropy'"),
        ({"augment": ("rotation",)}, "augment is .*a tuple of 'colour', 'cutout', 'translation'"),
        ({"generator_norm": "conditional"}, "needs num_classes"),
        ({"classifier_weight": 1.0}, "knows no classes to recognise"),
        ({"classifier_weight": -1.0, "num_classes": 2}, "classifier_weight is -1.0, but must be"),
        ({"penalty_end": -0.1}, "penalty_end is -0.1"),
        ({"discriminator_steps": 0}, "discriminator_steps is 0"),
        ({"depth": 4}, "one pixel high or wide after 3 layers"),
    ],
)
def test_impossible_fields_are_refused(fields, message, key):
    model = small("dcgan", image_shape=(8, 8, 1), **({"discriminator_norm": "none"} | fields))
    with pytest.raises(genjax.UserError, match=message):
        model.init(key)


def test_a_rate_for_nobody_is_refused(key):
    training = Training(learning_rate_factors=(("critic", 2.0),))
    with pytest.raises(genjax.UserError, match=r"'critic', 2.0.*discriminator, generator"):
        genjax.fit(small("gan"), blobs(8), key, training)


@pytest.mark.parametrize("size", [16, 20, 28, 32, 64])
def test_depth_follows_the_size(size):
    model = genjax.DCGAN(image_shape=(size, size, 3), width=8)
    depth = {16: 2, 20: 3, 28: 3, 32: 3, 64: 4}[size]
    assert model.widths == tuple(8 * 2**i for i in range(depth))
    assert halved_sizes((size, size), depth)[-1] in [(4, 4), (3, 3)]
    assert dataclasses.replace(model, depth=1).widths == (8,)


def test_the_best_weights_are_kept_beside_the_last(tmp_path, key):
    """A made-up distance that is least after the second epoch."""
    distances = iter([3.0, 1.0, 2.0, 1.5])
    kept = []
    last = genjax.fit(
        small("gan"), blobs(32), key, Training(4, 8), out=tmp_path, progress=False,
        distance=lambda params, key: next(distances),
        on_epoch=lambda epoch, params: kept.append(params),
    )  # fmt: skip
    assert [line["distance"] for line in genjax.runs.run_folder.read_metrics(tmp_path)] == [
        3.0,
        1.0,
        2.0,
        1.5,
    ]
    assert genjax.runs.run_folder.find_nearest_epoch(tmp_path) == 2
    for where, params in [("best.npz", kept[2]), (".", last)]:
        for a, b in zip(
            jax.tree.leaves(genjax.load(tmp_path / where)), jax.tree.leaves(params), strict=True
        ):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("shape", [(20, 4), (5, 3, 2, 4)])
def test_batch_normalisation_is_flaxs(shape, key):
    ours, x = BatchNorm(momentum=0.7), 2 + 3 * jax.random.normal(key, shape)
    theirs = nn.BatchNorm(momentum=0.7)
    params = {"scale": jnp.arange(1.0, 5.0), "bias": jnp.arange(4.0)}
    variables = {"params": params, "batch_stats": ours.init(key, x, False)["batch_stats"]}
    np.testing.assert_array_equal(variables["batch_stats"]["var"], np.ones(4))
    y, changed = ours.apply(variables, x, True, mutable=["batch_stats"])
    expected, expected_changed = theirs.apply(
        variables, x, use_running_average=False, mutable=["batch_stats"]
    )
    np.testing.assert_allclose(y, expected, atol=1e-5)
    for name in ("mean", "var"):
        found = changed["batch_stats"][name]
        np.testing.assert_allclose(found, expected_changed["batch_stats"][name], rtol=1e-5)
    settled = ours.apply({"params": params, **changed}, x, False)
    plain = theirs.apply({"params": params, **changed}, x, use_running_average=True)
    np.testing.assert_allclose(settled, plain, atol=1e-5)


@pytest.mark.parametrize("shape", [(20, 4), (5, 3, 2, 4)])
def test_each_class_has_a_scale_and_an_offset(shape, key):
    """Conditional batch normalisation against flax's, followed by those of every image's class."""
    ours, x = BatchNorm(), 2 + 3 * jax.random.normal(key, shape)
    labels = np.arange(shape[0]) % 3
    variables = ours.init(key, x, False, jax.nn.one_hot(labels, 3))
    scale, offset = (jnp.arange(12.0)[::step].reshape(3, 4) for step in (1, -1))
    assert variables["params"]["scale"].shape == (3, 4)
    variables["params"] = {"scale": scale, "bias": offset}
    one_hot = jax.nn.one_hot(labels, 3)
    y, _ = ours.apply(variables, x, True, one_hot, mutable=["batch_stats"])
    theirs = nn.BatchNorm(use_scale=False, use_bias=False, use_running_average=False)
    normed, _ = theirs.init_with_output(key, x)
    rows = (shape[0], *(1,) * (len(shape) - 2), 4)
    expected = scale[labels].reshape(rows) * normed + offset[labels].reshape(rows)
    np.testing.assert_allclose(y, expected, atol=1e-4)


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("shape", [(20, 4), (5, 3, 2, 4)])
def test_gradients_of_batch_normalisation_are_flaxs(shape, conditional, key):
    """(3) and (4), and the gradient of their squares, as gradient penalties need it."""
    ours, theirs = BatchNorm(), nn.BatchNorm(use_running_average=False)
    labels = jax.nn.one_hot(np.arange(shape[0]) % 3, 3) if conditional else None
    x, seen, target = (jax.random.normal(k, shape) for k in jax.random.split(key, 3))
    params = ours.init(key, x, False, labels)["params"]
    params = jax.tree.map(lambda one: one + 0.3 * jnp.arange(one.size).reshape(one.shape), params)

    def run_ours(params, x):
        return ours.apply({"params": params}, x, True, labels, mutable=["batch_stats"])[0]

    def run_flaxs(params, x):
        plain = {"scale": jnp.ones(4), "bias": jnp.zeros(4)}
        if labels is None:
            return theirs.apply({"params": params}, x, mutable=["batch_stats"])[0]
        normal = theirs.apply({"params": plain}, x, mutable=["batch_stats"])[0]
        gamma, beta = (
            (labels @ params[name]).reshape(len(x), *(1,) * (x.ndim - 2), 4)
            for name in ("scale", "bias")
        )
        return gamma * normal + beta

    def differentiate(run):
        def loss(params, x):
            return jnp.sum(jnp.sin(run(params, x)) * target)

        def penalty(params, x):
            return sum(
                jnp.sum(each**2) for each in jax.tree.leaves(jax.grad(loss, (0, 1))(params, x))
            )

        return [jax.grad(f, (0, 1))(params, 2 + 3 * seen) for f in (loss, penalty)]

    for found, expected in zip(
        jax.tree.leaves(differentiate(run_ours)),
        jax.tree.leaves(differentiate(run_flaxs)),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-4 * np.abs(expected).max())


@pytest.mark.parametrize("shape", [(20, 4), (1000, 4), (1024, 4), (5, 3, 4)])
def test_each_platform_sums_the_rows(shape, key):
    rows = jax.random.normal(key, shape)
    expected = np.asarray(rows, np.float64).sum(axis=-2, keepdims=len(shape) > 2)
    for form in (normalization._multiply_ones, normalization._add_parts, normalization._add):
        np.testing.assert_allclose(form(rows), expected, atol=1e-4)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_the_players_share_their_forward_passes(name, key):
    """Of the generator and of the discriminator on its samples: all but those of real images."""
    model = small(name, image_shape=(16, 16, 1), width=16, r1=0.0, r2=0.0)
    params = jax.eval_shape(model.init, key)
    batch = jax.eval_shape(lambda: Batch(jnp.zeros((64, 16, 16, 1)), jnp.zeros(64, jnp.int32)))

    def flops(function):
        """Of one pass through a loop, in which the compiler merges less than outside of one."""
        looped = lambda *a: jax.lax.map(lambda key: function(*a, key), jax.random.split(key, 2))  # noqa: E731
        return jax.jit(looped).lower(params, batch).compile().cost_analysis()["flops"]

    def of(*players):
        return flops(lambda params, batch, key: compute_gradients(params, batch, key, players)[0])

    def forward(params, batch, key):
        return model.losses(params, batch, model.draw_noise(batch, key))[0]

    def score_real(params, batch, key):
        return model.apply_discriminator(params, 2 * batch.images - 1)

    apart = of("discriminator") + of("generator")
    shared = flops(forward) - flops(score_real)
    # of the frozen features of samples, the compiler shares a part
    least = 0.6 if name == "projected_gan" else 0.9
    assert of("discriminator", "generator") < apart - least * shared


@pytest.mark.parametrize("loss", [name for name in losses.ADVERSARIAL if name != "wasserstein"])
def test_a_discriminator_that_cannot_tell_has_the_whole_share(loss, key):
    """`D_loss_share` of the best constant score is 1, and no constant does better."""
    model = small("gan", image_shape=SHAPE, loss=loss)
    params = model.init(key)
    blind = jax.tree.map(jnp.zeros_like, params.weights["discriminator"])

    def share(score):
        last = blind["Dense_1"] | {"bias": jnp.full(1, score)}
        weights = params.weights | {"discriminator": blind | {"Dense_1": last}}
        drawn = model.draw_noise(BATCH, key)
        _, (terms, _) = model.losses(params.replace(weights=weights), BATCH, drawn)
        return float(terms["D_loss_share"])

    shares = [share(score) for score in np.linspace(-2, 2, 9)]
    assert min(shares) == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_every_kernel_of_the_discriminator_is_spectrally_normalised(name, key):
    """After training, each stored sigma against numpy's largest singular value."""
    model = small(name, discriminator_norm="spectral", r1=0.0, r2=0.0)
    training = Training(60, 16, Optimizer(learning_rate=1e-4))
    params = genjax.fit(model, blobs(16, SHAPE), key, training, progress=False)
    stats = params.stats["discriminator"]["batch_stats"]
    sigmas = {
        jax.tree_util.keystr(path[:-1]) + str(path[-1].key).rsplit("/", 1)[0]: float(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(stats)
        if str(path[-1].key).endswith("sigma")
    }
    kernels = [
        np.asarray(leaf).reshape(-1, leaf.shape[-1])
        for leaf in jax.tree.leaves(params.weights["discriminator"])
        if leaf.ndim > 1
    ]
    largest = [np.linalg.svd(kernel, compute_uv=False)[0] for kernel in kernels]
    assert len(sigmas) == len(kernels)
    np.testing.assert_allclose(sorted(sigmas.values()), sorted(largest), rtol=0.05)


class Stop(Exception):
    pass


@pytest.mark.filterwarnings("ignore:since epoch")
def test_a_resumed_run_keeps_the_same_best_weights(tmp_path, key, monkeypatch):
    """Stopped after a best was written that no checkpoint has reached, with everything on."""
    model = small("gan", discriminator_steps=2, discriminator_norm="spectral",
                  loss="wasserstein", gradient_penalty=1.0)  # fmt: skip
    data, training = blobs(32), Training(6, 8, ema_decay=0.9)

    def train(folder):
        distance = genjax.metrics.make_distance(data, 40)
        genjax.fit(model, data, key, training, out=folder, distance=distance, progress=False)
        lines = genjax.runs.run_folder.read_metrics(folder)
        for line in lines:
            for time in genjax.runs.run_folder.TIMES:
                del line[time]
        return lines, genjax.load(folder / "best.npz"), genjax.load(folder)

    whole = train(tmp_path / "whole")
    append, save = genjax.runs.run_folder.append_metrics, genjax.runs.checkpoints.save
    monkeypatch.setattr("genjax.runs.checkpoints.SECONDS_BETWEEN", 0.0)
    monkeypatch.setattr(  # after every second epoch only
        "genjax.runs.checkpoints.save", lambda f, state: state.epoch % 2 or save(f, state)
    )

    def stop_in_fourth(folder, line):
        append(folder, line)
        if line["epoch"] == 4:
            raise Stop

    monkeypatch.setattr("genjax.runs.run_folder.append_metrics", stop_in_fourth)
    with pytest.raises(Stop):
        train(tmp_path / "stopped")
    monkeypatch.setattr("genjax.runs.run_folder.append_metrics", append)
    resumed = train(tmp_path / "stopped")
    assert resumed[0] == whole[0]
    for ours, theirs in zip(jax.tree.leaves(resumed), jax.tree.leaves(whole), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "factors", [("discriminator", 2.0), (("discriminator", "2"),), ((1, 2, 3),)]
)
def test_factors_of_another_shape_are_refused(factors, key):
    training = Training(learning_rate_factors=factors)
    with pytest.raises(genjax.UserError, match=r"learning_rate_factors holds .*discriminator, gen"):
        genjax.fit(small("gan"), blobs(8), key, training)


def test_distances_to_other_images_are_refused(key):
    distance = genjax.metrics.make_distance(blobs(8, (9, 9, 3)), 4)
    params = small("gan", image_shape=SHAPE).init(key)
    with pytest.raises(genjax.UserError, match=r"\(12, 9, 3\), but those of"):
        distance(params, key)


def test_beyond_what_is_shown_an_r3gan_counts_a_tenth(key):
    """Equation (4) of `genjax.models.r3gan`: images of one value each."""
    model = genjax.R3GAN(image_shape=(8, 8, 1), latent_dim=2, width=2)
    params = model.init(key)

    def output(value):
        weights = jax.tree.map(jnp.zeros_like, params.weights["generator"])
        weights["ConvTranspose_0"]["bias"] += value
        changed = params.replace(weights=params.weights | {"generator": weights})
        z = jnp.ones((1, 2))
        return model.apply(changed, "generator", z), genjax.decode(changed, z)

    for value, beyond, shown in ((3.0, 1.2, 1.0), (-0.5, -0.5, 0.25), (-2.0, -1.1, 0.0)):
        raw, image = output(value)
        np.testing.assert_allclose(raw, beyond, rtol=1e-6)
        np.testing.assert_allclose(image, shown, atol=1e-6)
