"""Compiled code that was made of other sources is forgotten, or a changed checkout would run what no longer fits.

numba keeps compiled functions beside their modules and looks only whether the file of a function has changed, not those
that it takes constants and other functions from.
"""

from contextlib import suppress
from pathlib import Path

COMPILED = (
    "draws", "primitives", "stations", "kernel", "many", "levels_memory", "levels_ways", "levels_walk", "levels_kernel",
)  # fmt: skip
"""Modules of this folder that are compiled, or whose constants are."""


def forget_stale_code(folder: Path) -> bool:
    """Delete a folder's compiled code if a module that it was made of has changed since; return whether it was."""
    kept = folder / "__pycache__"
    stats = [(folder / f"{name}.py").stat() for name in COMPILED]
    sources = "\n".join(f"{stat.st_mtime_ns} {stat.st_size}" for stat in stats)
    with suppress(OSError):
        if (kept / "compiled-of.txt").read_text(encoding="ascii") == sources:
            return False
    with suppress(OSError):  # where nothing can be written numba keeps nothing there either
        kept.mkdir(exist_ok=True)
        for file in kept.glob("*.nb?"):
            file.unlink(missing_ok=True)
        (kept / "compiled-of.txt").write_text(sources, encoding="ascii")
    return True
