"""Write a page of trained models that a browser opens, and decodes by itself.

The folder has no part on another server, and needs none: `index.html` works on a double click, in
a mail, and on any host of static files. Weights and programs lie in scripts, since a page that was
opened as a file may read no others.
"""

import base64
import json
import os
from collections.abc import Mapping
from functools import partial
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import IO, Any

import numpy as np

import genjax
from genjax.data import Dataset
from genjax.errors import UserError
from genjax.latents import LatentDensity
from genjax.model import CanDecode, Params, get_model, require
from genjax.model.class_labels import count_classes
from genjax.nn.conv import native_convolutions
from genjax.plots.equations import show_equations
from genjax.runs.files import explain_write_errors, replace_file, resolve_path
from genjax.sharing.portable import list_entry_points
from genjax.sharing.publish_decoder import write_program
from genjax.sharing.publish_directions import Directions, find_directions

_MOST_MODELS = 2
_ASSETS = ("page.css", "runtime.js", "page.js")
_MOST_SHOWN_CLASSES = 1_000


def publish(
    models: Mapping[str, Params],
    folder: str | os.PathLike[str],
    images: Mapping[str, Dataset] | None = None,
    densities: Mapping[str, LatentDensity] | None = None,
) -> Path:
    """Write the page of one trained model, or of two side by side; return its `index.html`.

    The page has the plane of two latents to drag over, sliders for all, interpolations, random
    draws, and what the models minimise. It decodes in the visitor's browser; images are those of
    `genjax.decode`.

    Args:
        models: one or two that decode latents, by the names that the page shows.
        folder: made where there is none; files of an earlier page are replaced.
        images: by the same names, data that tell what the latents of models that encode carry.
            The page shows where their codes lie, but not the images themselves.
        densities: by the same names, where latents are drawn (`genjax.fit_density`), if not from
            the prior.

    Raises:
        MissingCapability: where a model has no latents to decode.
        UserError: where the decoder has an operation that a page cannot compute, or there is not
            one model, nor two.
        FileError: where a file cannot be written.

    >>> import tempfile
    >>> model = genjax.VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    >>> params = genjax.init(model, jax.random.key(0))
    >>> genjax.publish({"tiny": params}, tempfile.mkdtemp()).name
    'index.html'
    """
    if not 1 <= len(models) <= _MOST_MODELS:
        raise UserError(f"there are {len(models)} models: a page shows one, or two side by side.")
    place, files, about = resolve_path(folder), {}, {}
    for i, (name, params) in enumerate(models.items(), 1):
        require(get_model(params), CanDecode)
        directions = find_directions(params, (images or {}).get(name), (densities or {}).get(name))
        about[name] = directions
        content = _describe_model(name, params, directions) | write_decoder(params)
        text = json.dumps(content, separators=(",", ":"), allow_nan=False)
        files[f"model-{i}.js"] = f"(self.genjaxModels = self.genjaxModels || []).push({text});\n"
    assets = resources.files("genjax.sharing") / "page"
    files |= {name: (assets / name).read_text("utf-8") for name in _ASSETS}
    template = (assets / "index.html").read_text("utf-8")
    files["index.html"] = _fill(template, models, about, [*files])
    _write_files(place, files)
    return place / "index.html"


def _write_files(place: Path, files: Mapping[str, str]) -> None:
    """Write the files of a page, in place of those of an earlier one."""
    with explain_write_errors(place):
        place.mkdir(parents=True, exist_ok=True)
        for i in range(1, _MOST_MODELS + 1):
            (place / f"model-{i}.js").unlink(missing_ok=True)
    for name, text in files.items():
        replace_file(place / name, partial(_write_text, text))


def _write_text(text: str, file: IO[bytes]) -> None:
    file.write(text.encode())


def write_decoder(params: Params) -> dict[str, Any]:
    """Return the decoder's program and its constants, as `runtime.js` takes them."""
    (entry,) = (one for one in list_entry_points(params.model) if one.name == "decode")
    with native_convolutions():
        program, constants = write_program(entry.compute, params, entry.inputs)
    plain = json.loads(json.dumps(program, default=int))  # without numpy's numbers
    return {"program": plain, "weights": base64.b64encode(constants).decode()}


def _describe_model(name: str, params: Params, directions: Directions) -> dict[str, Any]:
    """Return what the page's script knows of a model."""
    model: Any = params.model
    num_classes = min(count_classes(model), _MOST_SHOWN_CLASSES)
    class_names = list(params.label_names) or [str(i) for i in range(num_classes)]
    return {
        "title": name,
        "about": _describe_kind(params),
        "shape": list(model.image_shape),
        "latentDim": model.latent_dim,
        "classNames": class_names[:num_classes],
        "rows": _pack(directions.rows),
        "names": directions.names,
        "amounts": directions.amounts,
        "shares": np.round(directions.shares, 4).tolist(),
        "extents": directions.extents.tolist(),
        "order": directions.order,
        "draws": _pack(directions.draws),
        "numDraws": len(directions.draws),
        "codes": _pack(directions.codes),
        "codeLabels": directions.labels.tolist(),
        "labelNames": list(directions.label_names),
    }


def _pack(numbers: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(numbers, "<f4").tobytes()).decode()


def _describe_kind(params: Params) -> str:
    """Return what a model makes of what, such as "VAE: from 32 numbers, the latents, ..."."""
    model: Any = params.model
    height, width, channels = model.image_shape
    kind = {1: "a grey image", 3: "a colour image"}.get(channels, "an image")
    return (
        f"{type(model).__name__}: from {model.latent_dim} numbers, the latents, it makes {kind} of"
        f" {height} × {width} pixels."
    )


def _fill(
    template: str, models: Mapping[str, Params], about: Mapping[str, Directions], files: list[str]
) -> str:
    """Return the page as HTML."""
    names = [*models]
    scripts = ["runtime.js", *(name for name in files if name.startswith("model-")), "page.js"]
    return Template(template).substitute(
        title=escape(" and ".join(names)),
        heading=escape(" and ".join(names)),
        lead=_write_lead(models),
        walk=_WALK[len(models) > 1],
        between=_write_between(about),
        equations=_write_equations(models),
        made=f"Made by genjax {genjax.__version__}. Nothing on this page comes from elsewhere.",
        scripts="\n".join(f'<script src="{name}"></script>' for name in scripts),
    )


_WALK = {
    False: "Every point of the plane stands for an image. Drag over it, and see the image that the"
    " model decodes there. The sliders move the same point, one direction each.",
    True: "Every point of a plane stands for an image. Drag over it, and see the image that the"
    " model decodes there. The two models know nothing of each other: the same point shows"
    " different things in both.",
}


def _write_lead(models: Mapping[str, Params]) -> str:
    if len(models) > 1:
        return "<p>Two models side by side, each with a latent space of its own.</p>"
    (params,) = models.values()
    return f"<p>{escape(_describe_kind(params))}</p>"


def _write_between(about: Mapping[str, Directions]) -> str:
    coded = [name for name, one in about.items() if len(one.codes) > 1]
    ends = "two test images, encoded" if len(coded) == len(about) else "two random draws"
    if coded and len(coded) < len(about):
        ends = "two test images, encoded, or, where the model cannot encode, two random draws"
    return escape(
        f"On the way between the latents of {ends}, every stop is an image too. Latents drawn from"
        " a normal distribution all have about the same length: a path along the sphere keeps it,"
        " while a straight line cuts through the middle."
    )


def _write_equations(models: Mapping[str, Params]) -> str:
    parts = []
    for name, params in models.items():
        heading = f"<h3>{escape(name)}</h3>" if len(models) > 1 else ""
        parts.append(f"<div>{heading}{show_equations(params.model)}</div>")
    return f'<div class="losses">{"".join(parts)}</div>'
