"""Where the processes keep the Python that they have compiled."""

import importlib.util
import os
import sys
from pathlib import Path


def environment(folder: Path) -> dict[str, str]:
    """The variables that make them keep it in the data folder, where it could not be kept beside the sources.

    That is so in an installation that is read-only for us, and with PYTHONDONTWRITEBYTECODE. Two thirds of a start would go into
    compiling 1,400 modules anew.
    """
    if sys.pycache_prefix or not (sys.dont_write_bytecode or _is_sealed()):
        return {}
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}


def _is_sealed() -> bool:
    """Are the packages neither compiled nor ours to compile?"""
    found = importlib.util.find_spec("django")
    if found is None or found.origin is None:
        return False
    is_compiled = found.cached is not None and Path(found.cached).exists()
    return not is_compiled and not os.access(Path(found.origin).parent, os.W_OK)
