"""Write formulas of plain text, such as those in docstrings, as MathML, which browsers set.

As in `E_q[-log p(x|z)] + beta KL(q || p)`: Greek letters and functions have their names, `_` begins
an index and `^` an exponent, `x~` has a tilde, `1/k` is a fraction, and three spaces part formulas.
"""

import re
from collections.abc import Iterator
from html import escape

_GREEK = [
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "theta",
    "lambda",
    "mu",
    "phi",
    "psi",
    "sigma",
    "tau",
    "pi",
]
_OPERATORS = {
    "sum": "&sum;", "prod": "&prod;", "grad": "&nabla;", "||": "&par;", "*": "&middot;",
    "->": "&rarr;", "<=": "&le;", ">=": "&ge;", "-": "&minus;", "...": "&hellip;", "~": "&sim;",
}  # fmt: skip
_LARGE = ("&sum;", "&prod;")
_TOKEN = re.compile(
    r"(?P<space>\s{3,})|(?P<number>\d+(?:\.\d+)?(?:e-?\d+)?)|(?P<word>[^\W\d_]\w*?(?=_|\W|$))"
    r"|(?P<operator>\|\||->|<=|>=|\.\.\.|\S)"
)
_FRACTION = re.compile(r"(?<![\w)\]])(\w+)/(\w+)(?![\w(])")
_SCRIPT = re.compile(r"([_^])(\([^()]*\)|<?\w+?(?=_|\W|$)|\w+)")


def to_mathml(text: str, display: bool = False) -> str:
    """Return the formula as MathML; `display` puts it on a line of its own.

    >>> to_mathml("beta^2")
    '<math><msup><mi>&beta;</mi><mn>2</mn></msup></math>'
    """
    kind = ' display="block"' if display else ""
    return f"<math{kind}>{''.join(_list_parts(text.strip()))}</math>"


def _list_parts(text: str) -> Iterator[str]:
    """Set one after the other the symbols of the text, each with its index and exponent."""
    position, ended = 0, ""  # the last character that was set; "" at the start
    while position < len(text):
        token = _TOKEN.match(text, position)
        if not token:  # a space
            position += 1
            continue
        fraction = _FRACTION.match(text, position)
        if text[position - 1 : position] == " " and ended.isalnum() and (token["word"] or fraction):
            yield '<mspace width="0.25em"/>'
        if fraction:
            position = fraction.end()
            yield f"<mfrac>{_set(fraction[1])}{_set(fraction[2])}</mfrac>"
            ended = "1"
            continue
        symbol, position = _set_token(token, is_sign=not ended or ended in "([{,=|+"), token.end()
        if token["word"] and text[position : position + 1] == "~":
            position += 1
            symbol = f'<mover accent="true">{symbol}<mo>~</mo></mover>'
        scripts = {}
        while script := _SCRIPT.match(text, position):
            scripts[script[1]], position = script[2], script.end()
        yield _add_scripts(symbol, scripts)
        ended = "a" if token["word"] else text[position - 1].strip()


def _set(text: str) -> str:
    """Set a part of a formula as one element."""
    parts = list(_list_parts(text))
    return parts[0] if len(parts) == 1 else f"<mrow>{''.join(parts)}</mrow>"


def _set_token(token: re.Match[str], is_sign: bool) -> str:
    """Set one symbol; a minus is a sign where it follows nothing that could be subtracted from."""
    text = token[0]
    if token["space"]:
        return '<mspace width="2em"/>'
    if token["number"]:
        return f"<mn>{text}</mn>"
    if token["word"] and text not in _OPERATORS:
        upright = ' mathvariant="normal"' if text in ("E", "N") else ""
        return f"<mi{upright}>{f'&{text};' if text in _GREEK else text}</mi>"
    kind = ' stretchy="false"' if text in "()[]{}" else ""
    if text == "|":
        kind = ' stretchy="false" lspace="0.1em" rspace="0.1em"'
    if text == "-" and is_sign:
        kind = ' lspace="0" rspace="0"'
    return f"<mo{kind}>{_OPERATORS.get(text) or escape(text)}</mo>"


def _add_scripts(symbol: str, scripts: dict[str, str]) -> str:
    low, high = (scripts.get(mark, "") for mark in "_^")
    low, high = (
        _set(part.removeprefix("(").removesuffix(")")) if part else "" for part in (low, high)
    )
    under = any(f">{sign}<" in symbol for sign in _LARGE)
    if low and high:
        name = "munderover" if under else "msubsup"
        return f"<{name}>{symbol}{low}{high}</{name}>"
    if low:
        name = "munder" if under else "msub"
        return f"<{name}>{symbol}{low}</{name}>"
    return f"<msup>{symbol}{high}</msup>" if high else symbol
