"""The notebook for Colab runs from its first cell to its last, and uses public names alone."""

import ast
import json
import sys
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbclient import NotebookClient

import genjax

ROOT = Path(__file__).parent.parent.parent
NOTEBOOK = ROOT / "experiments" / "colab.ipynb"
SETTINGS = """
from tests.helpers import blobs

on_cpu, open_app, runs = True, False, Path("runs")
compute_dtype = "bfloat16"
train_set, test_set = blobs(64, (12, 12, 1)), blobs(40, (12, 12, 1), seed=1)
vae = genjax.VAE(latent_dim=8, channels=(4,), hidden=(16,), compute_dtype=compute_dtype)
gan = genjax.GAN(hidden=(16,), discriminator_hidden=(16,), compute_dtype=compute_dtype)
gan_optimizer = genjax.Optimizer(learning_rate=1e-3)
vae_training = genjax.Training(epochs=2, batch_size=16)
gan_training = genjax.Training(epochs=1, batch_size=16, optimizer=gan_optimizer)
"""


@pytest.fixture
def notebook():
    read = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(read)
    return read


def code_of(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def settings_of(notebook):
    (cell,) = [cell for cell in code_of(notebook) if "parameters" in cell.metadata.get("tags", [])]
    return cell


def parsed(source: str) -> ast.Module:
    """With the commands of notebooks (%pip) as Python."""
    return ast.parse(TransformerManager().transform_cell(source))


def assigned(source: str) -> set[str]:
    names = [node for node in ast.walk(parsed(source)) if isinstance(node, ast.Name)]
    return {name.id for name in names if isinstance(name.ctx, ast.Store)}


def test_it_runs_from_the_first_cell_to_the_last(notebook, tmp_path, monkeypatch):
    """In this interpreter, whatever kernels are installed elsewhere."""
    assert assigned(SETTINGS) == assigned(settings_of(notebook).source)
    settings_of(notebook).source = SETTINGS
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel = {"argv": argv, "display_name": "tested", "language": "python"}
    (tmp_path / "kernels" / "tested").mkdir(parents=True)
    (tmp_path / "kernels" / "tested" / "kernel.json").write_text(json.dumps(kernel))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    where = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, kernel_name="tested", timeout=300, resources=where).execute()

    outputs = [output for cell in code_of(notebook) for output in cell.outputs]
    assert all(cell.execution_count for cell in code_of(notebook))
    assert not [output for output in outputs if output.output_type == "error"]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 10
    assert (tmp_path / "runs" / "vae.npz").is_file()


def test_it_is_kept_without_what_it_showed(notebook):
    for cell in code_of(notebook):
        assert cell.outputs == []
        assert cell.execution_count is None


def test_it_uses_public_names_alone(notebook):
    sources = [cell.source for cell in code_of(notebook)]
    used = [node for source in sources for node in ast.walk(parsed(source))]
    names = {ast.unparse(node) for node in used if isinstance(node, ast.Attribute)}
    names = {name for name in names if name.startswith("genjax.")}
    assert len(names) > 15
    for name in names - {"genjax.app", "genjax.app.launch"}:
        _, first, *rest = name.split(".")
        assert first in genjax.public.__all__, name
        found = getattr(genjax, first)
        for part in rest:
            assert not part.startswith("_"), name
            found = getattr(found, part)
