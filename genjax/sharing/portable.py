"""Write a trained model as programs that need no genjax: StableHLO and ONNX.

A program maps the first axis, of any length n: each image is computed by itself, whatever the
others are. `sample` takes a seed for each image,

(1) sample(s)_i = genjax.sample(params, jax.random.key(s_i), 1)

so that an image is the same in every batch. Convolutions are XLA's, or of ONNX, without the forms
that serve a CPU alone (`genjax.nn.conv`).
"""

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import export as jax_export

import genjax
from genjax.errors import UserError
from genjax.latents.inputs import decode_rows
from genjax.model import (
    CanDecode,
    CanEncode,
    Model,
    Params,
    get_model,
    is_class_conditional,
    takes_labels,
    to_json,
    with_labels,
)
from genjax.nn import conv_plain
from genjax.nn.conv import native_convolutions
from genjax.runs.files import explain_write_errors, replace_file, resolve_path, write_json
from genjax.sharing.readme import write_readme

PLATFORMS = ("cpu", "cuda", "tpu")
_ONNX_PARTS = ("decode", "encode")  # `sample` draws random numbers, which ONNX does as it likes


@dataclass(frozen=True)
class EntryPoint:
    """A function of a model that a program computes.

    Attributes:
        name: "sample", "decode" or "encode".
        compute: from parameters and one item of every input to one item of the output.
        inputs: name -> shape and type of one item.
    """

    name: str
    compute: Callable[..., jax.Array]
    inputs: dict[str, jax.ShapeDtypeStruct]


def list_entry_points(model: Model) -> list[EntryPoint]:
    """List what a program can compute of the model. One that knows classes takes `labels` too.

    >>> model = genjax.VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    >>> [(entry.name, *entry.inputs) for entry in list_entry_points(model)]
    [('sample', 'seeds'), ('decode', 'z'), ('encode', 'images')]
    """
    classes = {"labels": jax.ShapeDtypeStruct((), jnp.int32)} if is_class_conditional(model) else {}
    image_shape = model.image_shape  # before the type is narrowed to a protocol
    seeds = {"seeds": jax.ShapeDtypeStruct((), jnp.uint32)}
    found = [EntryPoint("sample", _sample, seeds | classes)]
    if isinstance(model, CanDecode):
        z = {"z": jax.ShapeDtypeStruct((model.latent_dim,), jnp.float32)}
        found.append(EntryPoint("decode", _decode, z | classes))
    if isinstance(model, CanEncode):
        images = {"images": jax.ShapeDtypeStruct(image_shape, jnp.float32)}
        own = classes if takes_labels(model.encode) else {}
        found.append(EntryPoint("encode", _encode, images | own))
    return found


def _sample(params: Params, seed: jax.Array, label: jax.Array | None = None) -> jax.Array:  # (1)
    model: Any = params.model
    key = jax.random.key(seed)
    if label is None:
        return model.sample(params, key, 1)[0]
    return decode_rows(params, model.sample_latents(params, key, 1, 1.0), label[None])[0]


def _decode(params: Params, z: jax.Array, label: jax.Array | None = None) -> jax.Array:
    return decode_rows(params, z[None], None if label is None else label[None])[0]


def _encode(params: Params, image: jax.Array, label: jax.Array | None = None) -> jax.Array:
    model: Any = params.model
    labels = None if label is None else label[None]
    return with_labels(model.encode, labels)(params, image[None])[0]


def lower(entry: EntryPoint, params: Params) -> jax_export.Exported:
    """Return the program of an entry point for every platform, with the parameters in it."""
    (n,) = jax_export.symbolic_shape("n")
    shapes = [jax.ShapeDtypeStruct((n, *one.shape), one.dtype) for one in entry.inputs.values()]
    with native_convolutions():
        program = jax.jit(jax.vmap(partial(entry.compute, params)))
        return jax_export.export(program, platforms=PLATFORMS)(*shapes)


def export(params: Params, folder: str | os.PathLike[str], onnx: bool = False) -> list[Path]:
    """Write the model's programs, `sample`, `decode` and `encode` as it has them, into `folder`.

    `NAME.stablehlo` runs on CPUs, GPUs and TPUs, by jax alone; `README.md` says how. `export.json`
    lists inputs and outputs.

    Args:
        params: of any model.
        folder: made where there is none.
        onnx: also write `decode.onnx` and `encode.onnx`, by jax2onnx (the extra `onnx`).

    Returns:
        the files written.

    Raises:
        UserError: where a package is missing (the extra `export`), or nothing of the model can be
            written as ONNX.
        FileError: where a file cannot be written.
    """
    model, place = get_model(params), resolve_path(folder)
    entries = list_entry_points(model)
    programs = {f"{entry.name}.stablehlo": _serialize(lower(entry, params)) for entry in entries}
    if onnx:
        programs |= _convert(entries, params)
    with explain_write_errors(place):
        place.mkdir(parents=True, exist_ok=True)
    for name, content in programs.items():
        replace_file(place / name, lambda file, content=content: file.write(content))  # type: ignore[misc]
    about = _describe(params, entries, list(programs))
    write_json(place / "export.json", about)
    write_readme(place / "README.md", about)
    return [place / name for name in (*programs, "export.json", "README.md")]


def _serialize(program: jax_export.Exported) -> bytes:
    try:
        return bytes(program.serialize())
    except ImportError as error:  # flatbuffers, which jax does not declare
        raise UserError(
            f"programs cannot be written ({error}): pip install 'genjax-vae-gan[export]'."
        ) from None


def _convert(entries: Sequence[EntryPoint], params: Params) -> dict[str, bytes]:
    """Return the ONNX files of the entry points that jax2onnx can convert; warn of the others."""
    try:
        from jax2onnx import to_onnx
    except Exception as error:  # a converter for another jax fails in its own ways
        raise UserError(
            f"jax2onnx cannot be imported ({error}): pip install 'genjax-vae-gan[onnx]'."
        ) from None
    found, failed = {}, []
    for entry in entries:
        if entry.name not in _ONNX_PARTS:
            continue
        inputs = [
            jax.ShapeDtypeStruct(("n", *one.shape), one.dtype)  # type: ignore[arg-type]
            for one in entry.inputs.values()
        ]
        try:
            with native_convolutions(conv_plain):
                program = to_onnx(
                    jax.vmap(partial(entry.compute, params)),
                    inputs=inputs,
                    model_name=entry.name,
                    input_names=list(entry.inputs),
                    output_names=["output"],
                )
        except Exception as error:  # an operation that it does not know
            failed.append(f"{entry.name} ({type(error).__name__}: {str(error)[:200]})")
            continue
        found[f"{entry.name}.onnx"] = program.SerializeToString()
    if not found:
        reason = f" cannot be converted: {', '.join(failed)}" if failed else " has no latents"
        raise UserError(
            f"nothing can be written as ONNX: the model{reason}. Leave out onnx=: StableHLO has all"
            " of it."
        )
    if failed:
        warnings.warn(f"not written as ONNX: {', '.join(failed)}.", stacklevel=3)
    return found


def _describe(
    params: Params, entries: Sequence[EntryPoint], files: Sequence[str]
) -> dict[str, Any]:
    """Return the content of export.json."""
    return {
        "model": to_json(params.model),
        "label_names": list(params.label_names),
        "entry_points": {
            entry.name: {
                "inputs": {
                    name: {"shape": ["n", *one.shape], "dtype": np.dtype(one.dtype).name}
                    for name, one in entry.inputs.items()
                },
                "files": [name for name in files if name.startswith(f"{entry.name}.")],
            }
            for entry in entries
        },
        "platforms": list(PLATFORMS),
        "genjax": genjax.__version__,
        "jax": jax.__version__,
    }
