"""Show what a model minimises: its losses as equations, with their terms named."""

import inspect
import sys
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
    about, numbered = _split_docstring(type(model))
    sources = f"<details><summary>The equations in full, with their sources</summary>{numbered}"
    more = f"{sources}</details>" if numbered else ""
    equations = find_equations(model)
    if not equations:
        return "\n".join([*_set_paragraphs(about), more])
    losses = [pair for pair in equations if _is_loss(pair[0])]
    shown = "".join(
        f'<div class="equation">{to_mathml(formula, display=True)}<p>{escape(what)}</p></div>'
        for formula, what in losses
    )
    rows = "".join(
        f"<dt>{to_mathml(formula)}</dt><dd>{escape(what)}</dd>"
        for formula, what in equations
        if (formula, what) not in losses
    )
    return f'{shown}<dl class="terms">{rows}</dl>{more}'


def _is_loss(formula: str) -> bool:
    name = formula.partition(" = ")[0]
    return name == "loss" or (name.startswith("L_") and name != "L_rec")


def _split_docstring(cls: type) -> tuple[str, str]:
    """Return what a class says of itself, and the numbered equations of its modules as HTML."""
    text = inspect.cleandoc(vars(cls).get("__doc__") or "").partition("Attributes:")[0]
    about, heading, numbered = text.partition("Equations of ")
    if about.startswith(f"{cls.__name__}("):  # the docstring that dataclass writes
        about = ""
    about = about.partition(">>>")[0].strip()
    about = about or inspect.cleandoc(getattr(sys.modules.get(cls.__module__), "__doc__", "") or "")
    about = about or f"`{cls.__name__}` does not say what it minimises."
    return about, f'<div class="source">{escape(numbered)}</div>' if heading else ""


def _set_paragraphs(text: str) -> Iterator[str]:
    for paragraph in filter(str.strip, text.split("\n\n")):
        if all(line.startswith("    ") for line in paragraph.splitlines()):
            formulas = (to_mathml(line, display=True) for line in paragraph.splitlines())
            yield f'<div class="equation">{"".join(formulas)}</div>'
        else:
            yield f"<p>{html.inline(' '.join(paragraph.split()))}</p>"
