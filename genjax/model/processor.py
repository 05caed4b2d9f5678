"""What this machine's processor is, as Linux tells it."""

import platform
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_INSTRUCTIONS = {  # flag: name; of the widest kind that the processor has, the first
    "amx_bf16": "AMX",
    "avx512_bf16": "AVX-512 BF16",
    "avx512f": "AVX-512",
    "avx2": "AVX2",
}


def read_processor() -> tuple[str, str]:
    """Return the processor's model and its widest instructions, "" where the system tells none."""
    lines = _CPUINFO.read_text(errors="replace").splitlines() if _CPUINFO.exists() else []
    found = {key.strip(): value.strip() for key, _, value in (one.partition(":") for one in lines)}
    flags = found.get("flags", "").split()
    model = found.get("model name") or platform.processor() or platform.machine()
    return model, next((name for flag, name in _INSTRUCTIONS.items() if flag in flags), "")
