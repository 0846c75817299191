"""Where the processes of an installation count what they do, so that any of them can tell the sums (telemetry/metrics.py)."""

from pathlib import Path

FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def environment(folder: Path) -> dict[str, str]:
    """The variable that makes them count there. What a former run counted goes: sums begin anew, which Prometheus understands.

    Nothing goes while they run: a sum that shrinks by a process' part would look like a burst of requests.
    """
    for path in folder.glob("*.db"):
        path.unlink()
    return {FOLDER: str(folder)}
