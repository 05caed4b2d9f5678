"""Two models trained in turn: each on the images, and on what the other one draws."""

import numpy as np

import genjax


def train_in_turn(models, images, turns, out, callbacks=()):
    """Train each model for an epoch a turn. Stopped anywhere, the same call goes on."""
    trained = [None, None]
    for turn in range(turns):
        for i, model in enumerate(models):
            drawn = [] if trained[1 - i] is None else [genjax.sample(trained[1 - i], turn, 32)]
            bytes_drawn = [np.asarray(255 * some).round().astype(np.uint8) for some in drawn]
            trained[i] = genjax.fit(
                model,
                np.concatenate([images, *bytes_drawn]),
                turn,
                genjax.Training(epochs=1, batch_size=16),
                start=trained[i],
                out=f"{out}/turn-{turn}/model-{i}",
                callbacks=callbacks,
                progress=False,
            )
    return trained
