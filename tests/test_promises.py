"""What every registered model promises: a new model is covered on the day it is added."""

from functools import lru_cache

import pytest

from genjax import testing
from tests.helpers import NAMES, small


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    """Trials by the model's name; each model is trained once."""

    @lru_cache
    def make(name: str) -> testing.Trial:
        return testing.Trial(small(name, latent_dim=1), tmp_path_factory.mktemp(name))

    return make


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("check", testing.CHECKS, ids=lambda check: check.__name__)
def test_promise(name, check, trials):
    check(trials(name))
