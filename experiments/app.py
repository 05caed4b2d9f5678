"""Open the app on a trained run: `python -m experiments.app NAME [options]`."""

import dataclasses
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import tyro

import genjax
import genjax.app
from experiments.experiment import EXPERIMENTS
from experiments.train import EXPERIMENTS as _
from genjax.data import Dataset
from genjax.files import read_json
from genjax.types import Params, UserError
