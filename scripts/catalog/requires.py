"""What a release stands on: Python, torch, CUDA and the kernels it comes with, from metadata."""

import re
from typing import Final

from .packages import metadata, requirements

_PACKAGES: Final = ("torch", "flashinfer-python", "transformers", "triton", "sgl-kernel", "numpy")
_REQUIREMENT: Final = re.compile(r"([A-Za-z0-9_.-]+)\s*(?:\[[^\]]*\])?\s*\(?([^;)]*)\)?(?:;(.*))?")
_CUDA: Final = re.compile(
    r"(?:cuda-toolkit|nvidia-cuda-runtime)(?:-cu\d+)?(?:\[[^\]]*\])?==([0-9.]+)"
)


def requires(engine: str, release: str) -> dict[str, dict[str, object]]:
    """Return by package the versions a release wants; `cuda` is that of the torch it pins."""
    known = requirements(engine, release)
    listed = known.get("requires_dist")
    required = dict[str, dict[str, object]]()
    if isinstance(python := known.get("requires_python"), str):
        required["python"] = {"version": python}
    for line in listed if isinstance(listed, list) else ():
        match = _REQUIREMENT.match(line)
        if match and match[1] in _PACKAGES and "extra" not in (match[3] or ""):
            required.setdefault(match[1], {"version": match[2].strip()})
    torch = str(required.get("torch", {}).get("version", ""))
    if torch.startswith("=="):
        of_torch = metadata(f"torch{torch}").get("requires_dist")
        for line in of_torch if isinstance(of_torch, list) else ():
            if cuda := _CUDA.match(line):
                required["cuda"] = {"version": cuda[1]}
    return required
