"""Measuring a trained model, one file a family of metrics."""

from genjax.metrics.evaluate import evaluate

__all__ = ["evaluate"]
