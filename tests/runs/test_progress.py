"""The bar over the epochs of a run."""

import io
import sys
import types

import pytest

from genjax.runs.progress import TrainingProgress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_bar_stays_full_after_the_last_epoch(monkeypatch):
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    bar = TrainingProgress(epochs=2, images_an_epoch=10, done=0)
    bar.epoch_done(1, {"loss": 3.0})
    bar._advance()
    assert 10 <= bar._bar.n < 20
    bar.epoch_done(2, {"loss": 2.0})
    bar._advance()
    assert bar._bar.n == 20
    bar._bar.refresh()
    assert "epoch 2/2: 100%" in screen.getvalue()
    assert ": :" not in screen.getvalue()


@pytest.mark.parametrize("has_widgets", [True, False])
def test_a_notebook_without_widgets_gets_a_line_an_epoch(has_widgets, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    found = object() if has_widgets else None
    monkeypatch.setattr("genjax.runs.progress.find_spec", lambda name: found)
    bar = TrainingProgress(epochs=1, images_an_epoch=10, done=0)
    bar.epoch_done(1, {"loss": 3.0})
    assert ("epoch 1/1: loss=3" in capsys.readouterr().out) == (not has_widgets)
