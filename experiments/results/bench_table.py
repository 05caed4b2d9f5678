"""Make the table of the benchmark: a block for each committed record, the newest first."""

from typing import Any

from experiments.bench.cases import CASES
from experiments.results.formatting import Column, Rows, format_rows
from experiments.results.record import BENCHMARKS
from genjax.runs.files import read_json


def make_benchmark() -> str:
    """Return the blocks of all records in `experiments/results/bench`."""
    records = sorted(map(read_json, BENCHMARKS.glob("*.json")), key=lambda record: record["date"])
    return "\n".join(_make_block(record) for record in reversed(records))


def _make_block(record: dict[str, Any]) -> str:
    results = record["results"]
    rows: Rows = [
        ((case.title, str(case.batch)), results[name])
        for name, case in CASES.items()
        if name in results
    ]
    known = set().union(*results.values())
    columns = [column for column in _list_columns(record) if known & set(column.metrics)]
    table = format_rows(("model", "batch"), rows, columns)
    return "\n".join([f"{_describe(record)}\n", *(f"{note}\n" for note in _notes(record)), table])


def _describe(record: dict[str, Any]) -> str:
    cores = f", {record['cores']} cores" if record["device"] == "cpu" else ""
    machine = record["processor"] if record["device"] == "cpu" else record["device"]
    how, versions = record["measured_with"], record["versions"]
    torch = f", PyTorch {versions['torch']}" if "torch" in versions else ""
    steps = {int(row.get("steps", how["steps"] or 0)) for row in record["results"].values()}
    budget = f"{' to '.join(map(str, sorted({min(steps), max(steps)})))} steps an epoch"
    return f"**{machine}{cores}** ({record['date']}; jax {versions['jax']}{torch}; {budget})"


def _notes(record: dict[str, Any]) -> list[str]:
    return [record["note"]] if "note" in record else []


def _list_columns(record: dict[str, Any]) -> list[Column]:
    return [
        Column("genjax, images/s", ("images_per_second",), 0),
        Column("in bfloat16", ("images_per_second_bf16",), 0),
        Column("× Flax", ("ratio_flax",)),
        Column("× PyTorch float32, bfloat16", ("ratio_pytorch", "ratio_pytorch_bf16")),
        Column(
            "× compiled PyTorch float32, bfloat16",
            ("ratio_pytorch_compiled", "ratio_pytorch_compiled_bf16"),
        ),
        Column(
            "% of peak matrix-multiply throughput", ("ratio_ceiling", "ratio_ceiling_bf16"), 1, 100
        ),
        Column("samples/s", ("samples_per_second",), 0),
        Column("× PyTorch float32", ("sampling_ratio_pytorch",)),
        Column(
            "× compiled PyTorch float32, bfloat16",
            ("sampling_ratio_pytorch_compiled", "sampling_ratio_pytorch_compiled_bf16"),
        ),
        Column("seconds to the first step", ("cold_first_step_seconds",), 1),
        Column("with a filled cache", ("warm_first_step_seconds",), 1),
    ]
