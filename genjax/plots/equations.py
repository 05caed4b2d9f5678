"""Show what a model minimises: its losses as equations, with their terms named."""

import inspect
from collections.abc import Iterator
from html import escape

from genjax.model import HasEquations, Model
from genjax.plots import html
from genjax.plots.mathml import to_mathml

# What makes a loss: a subclass that changes one of them has another loss than its base.
_OF_THE_LOSS = {
    "losses", "distortion", "rate", "weighted_rate", "distortion_and_rate", "log_weights",
    "adversarial_losses", "penalty",
}  # fmt: skip


def find_equations(model: Model) -> list[tuple[str, str]]:
    """Return the model's equations, and what each is; none where it says none of its own.

    Those of a base are not taken where a subclass computes another loss.

    >>> import genjax
    >>> find_equations(genjax.VAE())[0]
    ('loss = distortion + rate', 'the negative ELBO, in nats per image')
    """
    if not isinstance(model, HasEquations):
        return []
    for cls in type(model).__mro__:
        own = vars(cls).keys()
        if "equations" in own:
            return model.equations()
        if own & _OF_THE_LOSS:
            return []
    return []


def show_equations(model: Model) -> str:
    """Return the equations as HTML; of a model without, what its docstring says."""
    equations = find_equations(model)
    if not equations:
        return show_docstring(model)
    losses = [pair for pair in equations if _is_loss(pair[0])]
    terms = [pair for pair in equations if not _is_loss(pair[0])]
    shown = "".join(
        f'<div class="equation">{to_mathml(formula, display=True)}<p>{escape(what)}</p></div>'
        for formula, what in losses
    )
    rows = "".join(
        f"<dt>{to_mathml(formula)}</dt><dd>{escape(what)}</dd>" for formula, what in terms
    )
    module = escape(type(model).__module__)
    more = f"<p><code>help({module})</code> has the equations with their sources.</p>"
    return f'{shown}<dl class="terms">{rows}</dl>{more}'


def _is_loss(formula: str) -> bool:
    name = formula.partition(" = ")[0]
    return name == "loss" or (name.startswith("L_") and name != "L_rec")


def show_docstring(model: Model) -> str:
    """Return the docstring of the model's class as HTML, with indented lines set as formulas."""
    text = inspect.cleandoc(vars(type(model)).get("__doc__") or "")
    if not text or text.startswith(f"{type(model).__name__}("):  # the one that dataclass writes
        return "<p>The class of this model has no docstring that says what it minimises.</p>"
    text = text.partition(">>>")[0].partition("Attributes:")[0]
    return "\n".join(_set_paragraphs(text))


def _set_paragraphs(text: str) -> Iterator[str]:
    for paragraph in filter(str.strip, text.split("\n\n")):
        if all(line.startswith("    ") for line in paragraph.splitlines()):
            formulas = (to_mathml(line, display=True) for line in paragraph.splitlines())
            yield f'<div class="equation">{"".join(formulas)}</div>'
        else:
            yield f"<p>{html.inline(' '.join(paragraph.split()))}</p>"
