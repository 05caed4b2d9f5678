"""One step of training: pure functions of a training state.

One trainer serves any number of players. A model states all their losses in one function, from one
shared forward pass; each player's gradient is that of its own loss alone, in the weights of its own
networks alone:

(1) g_p = d loss_p / d weights_p     for every player p that is updated, at the same weights
(2) weights_p <- weights_p - optimizer_p(g_p)
(3) ema <- d ema + (1 - d) weights,  d = min(ema_decay, (1 + t) / (10 + t)) at step t, or smaller
                                     (`Training.ema_schedule`)

A step follows `Model.update_schedule`: for most models one update of every player. Each update
takes a batch of its own.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from genjax.errors import UserError
from genjax.model import Batch, Model, Params, Terms, Weights
from genjax.model.base import acts_in_training
from genjax.model.watch import Ran, watch_networks
from genjax.training.skipping import find_skipped
from genjax.training.state import TrainState, select_weights

Optimizers = Mapping[str, optax.GradientTransformation]  # by player
# number and rows -> batch and key
Draw = Callable[[Int[Array, ""], Any], tuple[Batch, PRNGKeyArray]]


def compute_gradients(
    params: Params, batch: Batch, key: PRNGKeyArray, players: Iterable[str] | None = None
) -> tuple[dict[str, Weights], dict[str, Float[Array, ""]], Terms, Weights]:
    """Compute the gradient of every one of `players`, (1); of all, if left out.

    Returns the gradients, the losses of all players, the terms, and the new `stats`.

    The losses are computed and linearised once. Each player's gradient is the transpose of its own
    loss alone: no derivative of another's loss takes part, were it infinite, and the compiler drops
    what leads to weights that are not the player's.
    """
    model = params.model
    noise = model.draw_noise(batch, key)
    players = tuple(players or model.players)

    def compute_losses(
        weights: Weights,
    ) -> tuple[dict[str, Float[Array, ""]], tuple[Terms, Weights]]:
        with watch_networks() as ran:
            chosen = params.replace(weights=params.weights | weights)
            losses, aux = model.losses(chosen, batch, noise)
        check_networks(model, ran, params.stats, aux[1])
        return losses, aux

    trained = {name: params.weights[name] for p in players for name in model.players[p]}
    losses, linear, (terms, stats) = jax.linearize(compute_losses, trained, has_aux=True)
    gradients = {}
    for player in players:
        transpose = jax.linear_transpose(lambda w, p=player: linear(w)[p], trained)
        (gradient,) = transpose(jnp.ones_like(losses[player]))
        gradients[player] = select_weights(model, gradient, player)
    return gradients, losses, terms, stats


def check_networks(model: Model, ran: Ran, before: Weights, after: Weights) -> None:
    """Raise `UserError` where `losses` leaves a network's statistics or dropout out of training.

    Such a network learns its weights all the same, and no number shows what is wrong.

    Args:
        model: whose losses were traced.
        ran: the networks that ran in them.
        before: `stats` of the parameters.
        after: those that `losses` returned.
    """
    for name in [name for networks in model.players.values() for name in networks]:
        can_act = acts_in_training(model.networks()[name][0])
        stood = name in before and after.get(name) is before[name]
        which = f"{type(model).__name__}: losses runs the network {name!r}"
        if stood and name in ran.in_training:
            raise UserError(
                f"{which} in training, but returns its statistics as they were: return those of"
                " the training pass, training.stats."
            )
        if name in ran.in_evaluation - ran.in_training and (stood or can_act):
            wanted = " Where that is meant, give apply the argument train=False." if can_act else ""
            raise UserError(
                f"{which} as in evaluation: its batch statistics would never move, nor its dropout"
                " act. Write training = params.in_training(key), give apply `training` in the"
                f" place of `params`, and return training.stats.{wanted}"
            )


def name_losses(model: Model, losses: Mapping[str, Float[Array, ""]]) -> Terms:
    """Return the players' losses as terms: `loss` of a single player, else `PLAYER_loss`."""
    alone = len(model.players) == 1
    return {"loss" if alone else f"{player}_loss": value for player, value in losses.items()}


def update(
    state: TrainState, batch: Batch, key: PRNGKeyArray, optimizers: Optimizers
) -> tuple[TrainState, Terms]:
    """Update every player in `optimizers` once, (1) and (2)."""
    model, weights = state.params.model, dict(state.params.weights)
    gradients, losses, terms, stats = compute_gradients(state.params, batch, key, tuple(optimizers))
    opt_state = dict(state.opt_state)
    terms = name_losses(model, losses) | terms
    for player, gradient in gradients.items():
        own = select_weights(model, weights, player)
        change, opt_state[player] = optimizers[player].update(gradient, opt_state[player], own)
        weights |= optax.apply_updates(own, change)  # (2)
        if (skipped := find_skipped(opt_state[player])) is not None:
            terms["skipped" if len(model.players) == 1 else f"{player}_skipped"] = skipped
        if len(model.players) > 1:
            terms[f"{player}_gradient_norm"] = compute_norm(gradient)
    params = state.params.replace(weights=weights, stats=stats)
    return state.replace(params=params, opt_state=opt_state), terms


def compute_norm(tree: Any) -> Float[Array, ""]:
    """Compute the root of the sum of the squares of all leaves.

    Sums of each leaf would take longer to compile on a CPU, and one vector of all on a TPU.
    """

    def of_vector(leaves: list[jax.Array]) -> jax.Array:
        whole = jnp.concatenate([leaf.ravel() for leaf in leaves])
        return jnp.vdot(whole, whole)

    def of_leaves(leaves: list[jax.Array]) -> jax.Array:
        return jnp.asarray(sum(jnp.vdot(leaf, leaf) for leaf in leaves))

    leaves = jax.tree.leaves(tree)
    return jnp.sqrt(jax.lax.platform_dependent(leaves, cpu=of_vector, default=of_leaves))


def update_ema(state: TrainState, decay: Float[Array, ""] | float) -> TrainState:
    """Move the average of the networks that have one towards their weights, (3)."""
    weights = {name: state.params.weights[name] for name in state.ema}
    return state.replace(
        ema=jax.tree.map(lambda e, w: e + (1 - decay) * (w - e), state.ema, weights)
    )


def run_step(
    state: TrainState, number: Int[Array, ""], rows: Any, draw: Draw, optimizers: Optimizers
) -> tuple[TrainState, Terms]:
    """Run the updates of `Model.update_schedule`; the terms are those of the last one.

    `number` counts the steps of an epoch from 0. The leaves of `rows` are [batches a step, B, ...].
    `draw` takes the number of a batch in the epoch and its rows, and returns the batch and its key.
    """
    model = state.params.model
    batches = count_batches(model)
    numbered = (number * batches + jnp.arange(batches), rows)
    first, terms = 0, {}
    for players, times in model.update_schedule:
        chosen, last = {player: optimizers[player] for player in players}, first + times - 1

        def take(state: TrainState, one: Any, chosen: Optimizers = chosen) -> Any:
            return update(state, *draw(*one), chosen)

        if times > 1:  # no loop around a single update
            before = jax.tree.map(lambda leaf, a=first, b=last: leaf[a:b], numbered)
            state, _ = jax.lax.scan(take, state, before)
        state, terms = take(state, jax.tree.map(lambda leaf, i=last: leaf[i], numbered))
        first += times
    return state, terms


def count_batches(model: Model) -> int:
    """Return the number of batches that a step takes."""
    return sum(times for _, times in model.update_schedule)


def count_updates(model: Model, player: str) -> int:
    """Return the number of times that a step updates the player."""
    return sum(times for players, times in model.update_schedule if player in players)
