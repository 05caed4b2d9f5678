"""Measuring a trained model, one file a family of metrics."""

from genjax.metrics.catalogue import METRICS, Metric
from genjax.metrics.classifiers import Classifier, load_classifier
from genjax.metrics.evaluation import evaluate
from genjax.metrics.frechet import make_distance
from genjax.metrics.sample_quality import measure_samples
from genjax.metrics.samples import generate_samples
from genjax.metrics.step_quality import measure_steps

__all__ = [
    "METRICS",
    "Classifier",
    "Metric",
    "evaluate",
    "generate_samples",
    "load_classifier",
    "make_distance",
    "measure_samples",
    "measure_steps",
]
