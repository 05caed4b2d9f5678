"""What every registered model promises: a new model is covered on the day it is added."""

import jax
import pytest

from genjax import testing
from tests.helpers import NAMES, small


@pytest.fixture(scope="module", params=NAMES)
def trial(request, tmp_path_factory):
    """The trial of one model, which is trained once.

    Its compiled programs go with it: those of all models together are more than a process may map.
    """
    name = request.param
    yield testing.Trial(small(name, latent_dim=1), tmp_path_factory.mktemp(name))
    jax.clear_caches()


@pytest.mark.parametrize("check", testing.CHECKS, ids=lambda check: check.__name__)
def test_promise(check, trial):
    check(trial)
