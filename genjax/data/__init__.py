"""Data sets as uint8 images on the device: `load` a known one by name, or `from_folder` your own.

`sprites` draws shapes from factors of your choice.

`load` prefers what is nearest: the decoded cache, then data that TFDS has prepared, then the
original files, downloaded if need be; for MNIST there is a small sample that needs no network.
Data larger than a device stay on disk, as a `Stream`. TensorFlow is never imported.
"""

from genjax.data.dataset import Dataset, from_arrays
from genjax.data.folder import from_folder
from genjax.data.loading import NAMES, load
from genjax.data.sprites import sprites
from genjax.data.stream import Stream

__all__ = ["NAMES", "Dataset", "Stream", "from_arrays", "from_folder", "load", "sprites"]
