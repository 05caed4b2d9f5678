"""Training curves: what stands in one panel, the levels to read it by, and what is marked."""

import numpy as np
import pytest
from matplotlib.figure import Figure

import genjax
from genjax import plots
from genjax.errors import UserError

LINES = [
    {"epoch": 1, "loss": 3.0, "rate": 1.0, "distortion": 2.0, "seconds": 1, "warnings": ["w"]},
    {"epoch": 2, "loss": 2.0, "rate": 0.5, "distortion": 1.5, "distance": 0.7, "seconds": 1},
    {"epoch": 3, "loss": 1.5, "rate": 0.5, "distortion": 1.0, "seconds": 1},
]


def draw_panels(lines, **options):
    """Draw the curves; return the axes by their titles."""
    return {a.get_title(): a for a in plots.plot_curves(lines, **options).axes if a.get_title()}


def read_lines(axes) -> dict[str, list]:
    """Return what every named line of the axes goes through."""
    return {line.get_label(): line.get_xydata().tolist() for line in axes.lines}


def test_curves_pass_through_what_was_measured():
    panels = draw_panels(LINES)
    elbo, distance = "−ELBO = distortion + rate", "Distance of the samples from the data"
    assert list(panels) == ["Loss", elbo, distance]
    assert read_lines(panels["Loss"])["loss"] == [[1, 3], [2, 2], [3, 1.5]]
    assert panels["Loss"].get_ylabel() == panels[elbo].get_ylabel() == "nats per image"
    assert read_lines(panels[distance])["distance"] == [[2, 0.7]]  # measured in one epoch alone


def test_distortion_and_rate_stand_on_each_other():
    lines = [line | {"validation_distortion": 5.0, "validation_rate": 1.0} for line in LINES]
    axes = draw_panels(lines)["−ELBO = distortion + rate"]
    below, above = axes.collections[:2]
    tops = [dict.fromkeys(map(tuple, area.get_paths()[0].vertices)) for area in (below, above)]
    assert {(1, 0), (1, 2), (3, 0), (3, 1)} <= tops[0].keys()
    assert {(1, 2), (1, 3), (3, 1), (3, 1.5)} <= tops[1].keys()
    found = read_lines(axes)
    assert found["−ELBO"] == [[1, 3], [2, 2], [3, 1.5]]
    assert found["−ELBO, held-out images"] == [[1, 6], [2, 6], [3, 6]]


def test_held_out_images_stand_beside_those_of_training():
    lines = [{"epoch": e, "loss": 3.0 - e, "validation_loss": abs(e - 2) + 4.0} for e in (1, 2, 3)]
    axes = draw_panels(lines)["Loss"]
    found = read_lines(axes)
    assert found["loss"] == [[1, 2], [2, 1], [3, 0]]
    assert found["loss, held-out images"] == [[1, 5], [2, 4], [3, 5]]
    assert found["lowest: 4, epoch 2"] == [[2, 4]]


GAME = [
    {"epoch": e, "generator_loss": 0.9, "discriminator_loss": 1.2, "D(x)": 0.6, "D(G(z))": 0.4,
     "validation_generator_loss": 0.9, "validation_discriminator_loss": 1.3, "D_loss_share": 0.8}
    for e in (1, 2)
]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "of_losses", "of_outputs"),
    [
        ({}, {"log 2 = 0.69", "2 log 2 = 1.39"}, {"0.5"}),
        ({"loss": "least_squares"}, {"0.25", "0.125"}, {"0.5"}),
        ({"loss": "hinge"}, {"2", "0"}, {"0"}),
        ({"loss": "relativistic"}, {"log 2 = 0.69"}, set()),
        ({"loss": "wasserstein", "gradient_penalty": 10.0}, set(), set()),
        ({"gradient_penalty": 10.0}, {"log 2 = 0.69", "11.3863"}, {"0.5"}),
    ],
)
def test_the_losses_of_a_game_stand_beside_their_level_of_chance(options, of_losses, of_outputs):
    panels = draw_panels(GAME, model=genjax.GAN(**options))
    assert [title.split()[0] for title in panels] == ["Losses", "Discriminator"]
    losses, outputs = (read_lines(axes) for axes in panels.values())
    assert losses["generator"] == [[1, 0.9], [2, 0.9]]
    assert losses["discriminator, held-out images"] == [[1, 1.3], [2, 1.3]]
    chances = [{n.removeprefix("chance: ") for n in f if "chance" in n} for f in (losses, outputs)]
    assert chances == [of_losses, of_outputs]


def test_levels_of_chance_are_those_of_equal_scores():
    scores = np.zeros(7, np.float32)
    for name, loss in genjax.losses.ADVERSARIAL.items():
        if loss.indifferent is not None:
            even = scores + loss.indifferent
            levels = genjax.GAN(loss=name).chance_levels()
            assert levels["discriminator_loss"] == pytest.approx(loss.discriminator(even, even)[0])
            assert levels["generator_loss"] == pytest.approx(loss.generator(even, even)[0])


def test_of_a_first_epoch_far_away_the_value_is_written_down():
    lines = [{"epoch": epoch, "loss": 100 / epoch**4} for epoch in range(1, 8)]
    axes = draw_panels(lines)["Loss"]
    assert read_lines(axes)["loss"][0] == [1, 100]
    assert axes.get_ylim()[1] < 10
    assert [text.get_text() for text in axes.texts] == ["↑ epoch 1: 100"]
    near = draw_panels([{"epoch": epoch, "loss": 1.0 - 0.1 * epoch} for epoch in range(1, 8)])
    assert not near["Loss"].texts
    assert near["Loss"].get_ylim()[1] > 0.9


def test_a_long_run_is_smooth_and_raw():
    values = np.random.default_rng(0).normal(size=60)
    lines = [{"epoch": i + 1, "loss": value} for i, value in enumerate(values)]
    raw, smooth = draw_panels(lines)["Loss"].lines
    np.testing.assert_array_equal(raw.get_ydata(), values)
    assert smooth.get_ydata()[30] == pytest.approx(values[27:34].mean())
    assert smooth.get_label() == "loss"
    assert raw.get_alpha() < 0.5


def test_epochs_with_warnings_and_the_best_one_are_marked():
    lines = [line | {"distance": d} for line, d in zip(LINES, (3.0, 1.0, 2.0), strict=True)]
    panels = draw_panels(lines)
    for axes in panels.values():
        assert [2, 2] in [list(line.get_xdata()) for line in axes.lines]  # from bottom to top
        legend = [text.get_text() for text in axes.get_legend().texts]
        assert "warning: w" in legend
    assert "lowest: 1, epoch 2" in read_lines(panels["Distance of the samples from the data"])


def test_an_epoch_says_how_many_images_it_shows():
    line = {"epoch": 1, "loss": 1.0, "seconds": 2.0, "images_per_second": 600.0}
    assert draw_panels([line])["Loss"].get_xlabel() == "epoch (1,200 images each)"
    of_two = line | {"seeds": {"loss": [1.0, 1.0]}}
    assert draw_panels([of_two])["Loss"].get_xlabel() == "epoch (600 images each)"


def test_the_band_of_many_seeds_is_one_standard_deviation():
    lines = [{"epoch": e, "loss": 2.0 * e, "spread": {"loss": 0.5}} for e in (1, 2)]
    (axes,) = plots.plot_curves(lines).axes
    band = axes.collections[0].get_paths()[0].vertices
    assert {tuple(v) for v in band.tolist()} == {(1, 1.5), (1, 2.5), (2, 3.5), (2, 4.5)}


def test_what_cannot_be_drawn_is_said(tmp_path):
    with pytest.raises(UserError, match="no epoch"):
        plots.save_curves(tmp_path / "none.png", [])
    assert not (tmp_path / "none.png").exists()
    with pytest.raises(UserError, match="1 axes for 3 panels: Loss, "):
        plots.plot_curves(LINES, axes=[Figure().subplots()])
