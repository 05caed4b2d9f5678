"""A result says what computed it."""

import pytest

from genjax.model import processor
from genjax.recipes import environment


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu sse2 avx", "AMD EPYC"),
        ("fpu avx avx2", "AMD EPYC, AVX2"),
        ("fpu avx2 avx512f", "AMD EPYC, AVX-512"),
        ("avx512_bf16 avx2 avx512f", "AMD EPYC, AVX-512 BF16"),
        ("avx2 avx512f avx512_bf16 amx_bf16", "AMD EPYC, AMX"),
    ],
)
def test_a_processor_is_named_with_its_widest_instructions(tmp_path, monkeypatch, flags, expected):
    core = f"model name\t: AMD EPYC\nflags\t\t: {flags}\nbugs\t: none\n\n"
    (tmp_path / "cpuinfo").write_text(2 * core)
    monkeypatch.setattr(processor, "_CPUINFO", tmp_path / "cpuinfo")
    assert environment.describe_environment()["processor"] == expected


def test_a_system_without_a_list_of_processors_names_one(tmp_path, monkeypatch):
    monkeypatch.setattr(processor, "_CPUINFO", tmp_path / "none")
    assert environment.name_processor()
