"""Make the table of what was compiled for TPUs: a row for each program."""

from experiments.results.formatting import Column, Rows, format_rows
from experiments.results.record import FOLDER
from genjax.runs.files import read_json


def make_tpu() -> str:
    """Return the table of `experiments/results/tpu.json`; a dash where nothing was compiled yet."""
    path = FOLDER / "tpu.json"
    results = read_json(path)["results"] if path.exists() else {}
    rows: Rows = [(tuple(key.split(", ")), found) for key, found in results.items()]
    columns = [
        Column("batch", ("batch",), 0),
        Column("CPU-seconds of compiling", ("compile_cpu_seconds",), 1),
        Column("GFLOP", ("operations",), 3, 1e-9),
        Column("needed", ("operations_needed",), 3, 1e-9),
        Column("MB of 16,000", ("memory_bytes",), 1, 1e-6),
        Column("all-reduces", ("all_reduces",), 0),
        Column("their MB", ("all_reduce_bytes",), 2, 1e-6),
        Column("estimated images/s", ("images_per_second",), 0),
        Column("at most", ("limit",), 0),
        Column("batch that fills a chip", ("filling_batch",), 0),
    ]
    return format_rows(("model", "program", "chips", "precision"), rows, columns)
