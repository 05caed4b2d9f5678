"""Measuring a trained model, one file a family of metrics."""

from genjax.metrics.classifier import Judge, judge
from genjax.metrics.evaluate import evaluate, measure_samples
from genjax.metrics.frechet import distance_to, generated

__all__ = ["Judge", "distance_to", "evaluate", "generated", "judge", "measure_samples"]
