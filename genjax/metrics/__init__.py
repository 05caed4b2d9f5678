"""Measuring a trained model, one file a family of metrics."""

from genjax.metrics.classifiers import Classifier, load_classifier
from genjax.metrics.evaluation import evaluate
from genjax.metrics.frechet import generate_samples, make_distance
from genjax.metrics.sample_quality import measure_samples

__all__ = [
    "Classifier",
    "evaluate",
    "generate_samples",
    "load_classifier",
    "make_distance",
    "measure_samples",
]
