"""Measuring a trained model, one file a family of metrics."""

from genjax.metrics.classifier import Judge, judge
from genjax.metrics.evaluation import evaluate
from genjax.metrics.frechet import distance_to, generated
from genjax.metrics.sample_quality import measure_samples

__all__ = ["Judge", "distance_to", "evaluate", "generated", "judge", "measure_samples"]
