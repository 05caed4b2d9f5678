"""What every test shares: a cache folder of its own, and data small enough to train on at once."""

import os

import jax
import pytest
from jaxtyping import install_import_hook

import tests.typechecker  # noqa: F401  (the hook looks it up by name)

# Annotations are checked in every test: where functions are on arrays all of them, elsewhere those
# with shapes. (Tests give configurations wrong types to see what users are told.)
install_import_hook(
    [
        "genjax.distributions",
        "genjax.latents",
        "genjax.losses",
        "genjax.metrics",
        "genjax.models.resampling",
        "genjax.nn",
    ],
    "tests.typechecker.check",
)
install_import_hook(
    ["genjax.data", "genjax.model", "genjax.runs", "genjax.training"],
    "tests.typechecker.check_shapes",
)

import genjax.public  # noqa: F401  (which registers the models)
from tests.helpers import blobs, forget_registered

# Files of a user, which register models: the exam imports them when it needs them.
collect_ignore_glob = ["exam/*"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """With GENJAX_REQUIRE_DATA set, as where all data is known to be there, no test is skipped.

    But for those that need a browser, which no package of Python brings, or a package that is too
    large, or asks for older versions of others, to be installed for one test.
    """
    report = yield
    may_skip = item.get_closest_marker("browser") or item.get_closest_marker("extra")
    if report.skipped and os.environ.get("GENJAX_REQUIRE_DATA") and not may_skip:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, but GENJAX_REQUIRE_DATA is set"
    return report


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """Nothing is read from or written to the user's cache; compiled programs are shared."""
    monkeypatch.setenv("GENJAX_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True, scope="module")
def few_compiled_programs():
    """A process may map 65,530 pieces of memory on Linux, and every compiled program takes some:
    the compiler aborts where there are no more."""
    yield
    jax.clear_caches()


@pytest.fixture
def key():
    return jax.random.key(0)


@pytest.fixture
def dataset():
    return blobs()


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No prepared data and no network: the sample of MNIST."""
    (tmp_path / "no-data").mkdir()
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "no-data"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")


@pytest.fixture
def registries():
    """Everything registered in the test is forgotten afterwards."""
    with forget_registered():
        yield
