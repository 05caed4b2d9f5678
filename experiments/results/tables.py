"""Make the tables of the README and of the documentation from the committed records.

A table stands in a page between `<!-- table: NAME -->` and `<!-- end of table -->`.
"""

import re
from collections.abc import Mapping
from typing import Any

from experiments.conflicting import PUBLISHED, SHARES
from experiments.results.bench_table import make_benchmark
from experiments.results.formatting import Column, Rows, format_rows
from experiments.results.record import FOLDER, PICTURES
from experiments.results.tpu_table import make_tpu
from genjax.metrics.catalogue import METRICS
from genjax.model import name_likelihood, name_observed
from genjax.recipes import RECIPES
from genjax.recipes.matched import SETTINGS, match_models
from genjax.recipes.records import find_training_seconds, name_accelerator, read_record
from genjax.runs.files import read_json

_ROOT = FOLDER.parent.parent
PAGES = tuple(
    _ROOT / name for name in ("README.md", "docs/results.md", "docs/speed.md", "docs/tpu.md")
)
_TABLE = re.compile(r"(<!-- table: ([\w-]+) -->\n)(.*?)(<!-- end of table -->)", re.DOTALL)


def _column(metric: str, decimals: int = 2, heading: str = "", factor: float = 1.0) -> Column:
    return Column(heading or METRICS[metric].title, (metric,), decimals, factor)


_MINUTES = Column("minutes to train", ("seconds",), 1, 1 / 60)
_FCD = _column("frechet_classifier", 1)
_ERROR = _column("reconstruction_error", 4)
_SHARPNESS = Column("sharpness of reconstructions, samples", (
    "reconstruction_sharpness", "sharpness",
))  # fmt: skip


def _recipe_rows(*names: str) -> Rows:
    """Make the rows of named recipes: the command, the model, and the metrics of the record.

    Of a run that did not take place on a CPU the row names the device, and leaves out the time.
    """
    rows: Rows = []
    for name in names:
        record: dict[str, Any] = read_record(name) or {"metrics": {}}
        how = record.get("measured_with", {})
        judge = how.get("classifier", {})
        accuracy = {"classifier_accuracy": judge["accuracy"]} if judge else {}
        metrics = {n: v for n, v in record["metrics"].items() if n != "seconds"}
        described = RECIPES[name].description
        if device := name_accelerator(record):
            described += f"; trained on an {device}"
        elif seconds := find_training_seconds(record["metrics"]):
            metrics["seconds"] = seconds
        rows.append(((f"`make train-{name}`", described), how | accuracy | metrics))
    return rows


def _study_rows(study: str, titles: Mapping[str, str]) -> Rows:
    """Make the rows of a study's results, with their titles."""
    results = read_json(FOLDER / f"{study}.json")["results"]
    return [((title,), results[name]) for name, title in titles.items()]


_RECIPE = ("command", "model")


def _make_models() -> str:
    names = [
        "ae-mnist", "vae-mnist", "vae-mnist-long", "vae-gan-mnist", "gan-mnist", "dcgan-mnist",
        "dcgan-fashion", "vae-fashion", "dcgan-cifar10", "vae-cifar10",
    ]  # fmt: skip
    columns = [
        _column("nll", 1, "NLL"),
        _FCD,
        _column("fitted_frechet_classifier", 1, "FCD, fitted"),
        _MINUTES,
    ]
    return format_rows(_RECIPE, _recipe_rows(*names), columns)


def _make_vaes() -> str:
    names = [
        "vae-mnist", "vae-mnist-long", "spatial-vae-mnist", "hierarchical-vae-mnist",
        "vae-mnist-2d", "ae-mnist", "vae-fashion", "vae-cifar10", "vae-cifar10-logistic",
        "hierarchical-vae-cifar10",
    ]  # fmt: skip
    columns = [
        _column("negative_elbo", 1, "−ELBO, nats"),
        _column("nll", 1, "NLL (IWAE), nats"),
        _column("num_samples", 0, "its k"),
        _column("bits_per_dim", 2, "bits/dim (IWAE)"),
        _ERROR,
        _MINUTES,
    ]
    return format_rows(_RECIPE, _recipe_rows(*names), columns)


def _make_gans() -> str:
    names = ["gan-mnist", "dcgan-mnist", "dcgan-fashion", "dcgan-cifar10"]
    columns = [
        _column("least_share", 1, "rarest class, %", 100),
        _column("confidence", 3),
        _column("classifier_accuracy", 1, "accuracy of the classifier, %", 100),
        _FCD,
        _MINUTES,
    ]
    return format_rows(_RECIPE, _recipe_rows(*names), columns)


def _make_stacked() -> str:
    penalties = "--model.discriminator-norm none"
    options = {
        "minimax": '`"--model.loss minimax"`',
        "least_squares": '`"--model.loss least_squares"`',
        "hinge": '`"--model.loss hinge"`',
        "wasserstein": f'`"--model.loss wasserstein --model.gradient-penalty 10 {penalties}"`',
        "relativistic": f'`"--model.loss relativistic --model.r1 1 --model.r2 1 {penalties}"`',
    }
    (_, plain), (_, residual) = _recipe_rows("dcgan-stacked", "r3gan-stacked")
    rows = [
        (("",), plain),
        *_study_rows("stacked", options),
        (("R3GAN, 24 epochs: `make train-r3gan-stacked`",), residual),
    ]
    columns = [_column("modes", 0, "modes"), _column("modes_kl", 2, "KL, nats"), _MINUTES]
    return format_rows(("`make train-dcgan-stacked` with `ARGS=`",), rows, columns)


def _make_vae_gans() -> str:
    data = ("mnist", "fashion", "cifar10")
    rows = _recipe_rows(*(f"{model}-{name}" for name in data for model in ("vae-gan", "vae")))
    fitted = _column("fitted_frechet_classifier", 1, "FCD, fitted mixture")
    return format_rows(_RECIPE, rows, [_SHARPNESS, _ERROR, _FCD, fitted])


def _make_rivals() -> str:
    names = [
        "made-mnist", "pixelcnn-mnist", "realnvp-mnist", "vq-vae-mnist", "flow-matching-mnist",
        "flow-matching-fashion", "flow-matching-cifar10",
    ]  # fmt: skip
    columns = [
        _column("nll", 1, "NLL, nats"),
        _column("bits_per_dim", 2, "bits per dimension"),
        _FCD,
        _MINUTES,
    ]
    return format_rows(_RECIPE, _recipe_rows(*names), columns)


_COMPARED = {
    "autoencoder": "autoencoder",
    "vae": "VAE",
    "beta-vae": "β-VAE (4)",
    "hierarchical-vae": "hierarchical VAE",
    "vae-gan": "VAE-GAN",
    "gan": "GAN (MLP)",
    "dcgan": "DCGAN",
    "flow-matching": "flow matching",
    "pixelcnn": "PixelCNN",
}


def _comparison_rows() -> Rows:
    """Make the rows of the comparison on MNIST; nats are those of binary images alone."""
    results = read_json(FOLDER / "compare-mnist.json")["results"]
    models = {name: r.model for name, r in match_models(SETTINGS["mnist"]).items()}
    rows: Rows = []
    for name, title in _COMPARED.items():
        left_out = ("nll",) if name in models and name_observed(models[name]) == "bytes" else ()
        found = {n: v for n, v in results.get(name, {}).items() if n not in left_out}
        kind = name_likelihood(models[name]) or "none" if name in models else "–"
        rows.append(((title, kind), found))
    return rows


def _make_comparison() -> str:
    decimals = {
        "frechet_classifier": 0,
        "precision": 3,
        "recall": 3,
        "sharpness": 3,
        "label_agreement": 3,
        "jacobian_variation": 3,
        "reconstruction_error": 4,
        "reconstruction_sharpness": 3,
        "nll": 1,
        "bits_per_dim": 2,
        "parameters": 0,
        "training_cpu_seconds": 0,
        "sampling_seconds": 1,
    }
    columns = [_column(metric, digits) for metric, digits in decimals.items()]
    table = format_rows(("", "likelihood"), _comparison_rows(), columns, True, True)
    return "\n".join([table, *_show_comparison("../experiments")]) + "\n"


def _make_short_comparison() -> str:
    columns = [
        _column("nll", 1, "nats of binary images"),
        _column("bits_per_dim", 2, "bits/dim"),
        _FCD,
        _column("precision", 2),
        _column("recall", 2),
        _column("sharpness", 2),
        _column("training_cpu_seconds", 0, "CPU s to train"),
        _column("sampling_seconds", 1, "s for 10,000 samples"),
    ]
    rows = _comparison_rows()[1:]  # without the plain autoencoder, which generates nothing
    table = format_rows(("model", "likelihood"), rows, columns, mark_best=True)
    return f"{table}\n{' '.join(_show_comparison('experiments'))}\n"


def _show_comparison(folder: str) -> list[str]:
    """Return the pictures of the comparison that are there, as Markdown."""
    pictures = {
        "compare-mnist": "Samples of the compared models below test images",
        "compare-mnist-tree": "The compared models by how they know the density of images",
    }
    return [
        f"![{said}]({folder}/pictures/{name}.png)"
        for name, said in pictures.items()
        if (PICTURES / f"{name}.png").exists()
    ]


def _make_variants() -> str:
    titles = {
        "autoencoder": "autoencoder",
        "vae": "VAE",
        "warm-up": "warm-up over 0.3",
        "beta-vae-4": "β = 4",
        "capacity-25": "capacity 25 nats",
        "beta-tcvae-4": "β-TCVAE, β = 4",
        "iwae-5": "IWAE, k = 5",
        "vae-gan": "VAE-GAN",
    }
    columns = [
        _column("nll", 1, "NLL (IWAE-5000)"),
        _column("negative_elbo", 1, "−ELBO"),
        _column("active_units", 0),
        _ERROR,
        _SHARPNESS,
        _column("frechet_classifier", 1, "FCD: N(0, I)"),
        _column("fitted_frechet_classifier", 1, "FCD: fitted mixture"),
    ]
    return format_rows(("model",), _study_rows("variants", titles), columns, mark_best=True)


def _make_disentanglement() -> str:
    titles = {
        "vae-sprites": "VAE",
        "beta-vae-sprites": "β-VAE, β = 10",
        "beta-tcvae-sprites": "β-TCVAE, β = 10",
    }
    columns = [
        _column("mig"),
        _column("dci_disentanglement"),
        _column("dci_completeness"),
        _column("dci_informativeness"),
        _column("latent_correlation", 3),
        _ERROR,
    ]
    head = ("10 latents, MLP 256-256, 80 epochs",)
    return format_rows(head, _study_rows("disentangle", titles), columns)


def _make_debiasing() -> str:
    biases = {
        "mnist_rotated": "MNIST, 5% rotated by a quarter turn",
        "mnist_coloured": "MNIST, colour goes with the digit in 98%",
        "fashion_rare": "Fashion-MNIST, 2% each upside down, negative, half the size",
    }
    titles = {
        f"{sampling}-{dataset}": f"{bias}: {sampling}"
        for dataset, bias in biases.items()
        for sampling in ("uniform", "debiased")
    }
    groups = tuple(f"accuracy_group_{group}" for group in range(4))
    columns = [
        Column("accuracy of the groups, %", groups, 1, 100),
        _column("group_gap", 0, "gap, %", 100),
        _column("data_rare", 0, "rare images, %: in the data", 100),
        _column("seen_rare", 0, "seen", 100),
        _column("subset_rare", 0, "in a balanced subset", 100),
    ]
    return format_rows(("training data: sampling",), _study_rows("debias", titles), columns)


def _make_conflicting() -> str:
    path = FOLDER / "conflicting.json"
    found = read_json(path)["results"] if path.exists() else {}
    ours = {
        "erm": "ERM, three hidden layers of 100",
        "debiased": "debiasing VAE, the same network",
        "erm-conv": "ERM, a small convolutional network",
        "debiased-conv": "debiasing VAE, the same convolutional network",
    }
    rows: Rows = [
        (("published", name), {s: value / 100 for s, value in zip(SHARES, values, strict=True)})
        for name, values in PUBLISHED.items()
    ]
    for name, title in ours.items():
        metrics = {share: found.get(f"{name}-{share}", {}) for share in SHARES}
        values = {
            share + end: one[f"accuracy{end}"]
            for share, one in metrics.items()
            for end in ("", "_sd")
            if f"accuracy{end}" in one
        }
        rows.append((("here", title), values))
    columns = [Column(f"{share}% conflicting", (share,), 1, 100) for share in SHARES]
    return format_rows(("colours", "training"), rows, columns)


TABLES = {
    "models": _make_models,
    "vaes": _make_vaes,
    "gans": _make_gans,
    "stacked": _make_stacked,
    "vae-gans": _make_vae_gans,
    "rivals": _make_rivals,
    "compare-mnist": _make_comparison,
    "compare-mnist-short": _make_short_comparison,
    "variants": _make_variants,
    "disentangle": _make_disentanglement,
    "debias": _make_debiasing,
    "conflicting": _make_conflicting,
    "bench": make_benchmark,
    "tpu": make_tpu,
}


def fill_tables(text: str) -> str:
    """Return `text` with every table between its markers made anew."""
    return _TABLE.sub(lambda found: found[1] + TABLES[found[2]]() + found[4], text)
