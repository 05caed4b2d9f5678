"""Data sets: `load` one by name, or make one `from_folder`, `from_npz` or `from_arrays`.

dataset.py    Dataset: images (uint8) and labels on the device, and where they came from
stream.py     Stream: a data set that is too large for the device and stays on disk
loaders.py    register_dataset and load: a name for every loader
resolve.py    resolve: the training and test set for a name, a folder or an .npz file
arrays.py     from_arrays, from_npz: arrays of the user
folder.py     from_folder: image files of the user (tree.py finds them, picture.py reads one,
              decode_folder.py reads all)
cache.py      decoded images, kept for the next start
made/         data sets that are computed: sprites, stacked digits, biased data, points
published/    data sets from files: downloaded, prepared and read as TFDS does

TensorFlow is never imported.
"""

from functools import partial

from genjax.data.arrays import from_arrays, from_npz
from genjax.data.dataset import Dataset
from genjax.data.folder import from_folder
from genjax.data.loaders import NAMES, load, register_dataset
from genjax.data.made.biased import BIASED, load_biased, load_coloured
from genjax.data.made.points import POINTS, load_points
from genjax.data.made.sprites import sprites
from genjax.data.made.stacked import load_stacked
from genjax.data.published.formats import LABEL_NAMES
from genjax.data.published.loading import load_published
from genjax.data.resolve import (
    as_dataset,
    load_undivided,
    resolve,
    select_trained,
    split_every_tenth,
    take_images,
)
from genjax.data.stream import Stream

__all__ = [
    "NAMES",
    "Dataset",
    "Stream",
    "as_dataset",
    "from_arrays",
    "from_folder",
    "from_npz",
    "load",
    "load_coloured",
    "load_undivided",
    "register_dataset",
    "resolve",
    "select_trained",
    "split_every_tenth",
    "sprites",
    "take_images",
]

for _name in LABEL_NAMES:
    register_dataset(_name, partial(load_published, _name))
register_dataset("stacked_mnist", load_stacked)
register_dataset("sprites", lambda split: sprites(split=split))
for _name in POINTS:
    register_dataset(_name, partial(load_points, _name))
for _name in BIASED:
    register_dataset(_name, partial(load_biased, _name))
