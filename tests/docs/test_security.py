"""SECURITY.md tells the truth: what it says is never done is nowhere in the package."""

import ast

import pytest

from tests.helpers import ROOT

FILES = sorted((ROOT / "genjax").rglob("*.py"))
UNPICKLING = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}


def list_calls(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            yield name, isinstance(node.func, ast.Name), node


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_nothing_is_unpickled_or_evaluated(file):
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [alias.name for alias in node.names] + [getattr(node, "module", "") or ""]
            assert not UNPICKLING & {module.split(".")[0] for module in modules}
    for name, is_plain, call in list_calls(tree):
        assert not (is_plain and name in ("eval", "exec")), f"line {call.lineno}"
        for keyword in call.keywords:
            if keyword.arg == "allow_pickle":
                assert isinstance(keyword.value, ast.Constant)
                assert keyword.value.value is False
