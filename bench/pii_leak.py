"""`pii-leak-benchmark` against the redaction engine, behind the small gateway of `bench.pii_leak_gateway`.

`python -m bench.pii_leak [--seeds 3] [--oracle exhaustive-2-part]`. Its first profile asks what goes to the provider and whether
the values come back; its second one also puts values of its own into the answer, cut in all places, which must not get through.
The negative control, without a gateway, must leak.
"""

import argparse
import json
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.pii_leak_gateway import gateway

BINARIES = Path(sys.executable).parent


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    name, *arguments = command
    return subprocess.run([str(BINARIES / name), *arguments], capture_output=True, text=True, check=False)


def show_requests(iterations: int) -> None:
    """The first profile: what the provider is sent, and what the person gets back."""
    for name in ("no gateway", "Ollive's engine"):
        port = free_port()
        with gateway(f"http://127.0.0.1:{port}/v1") as url, TemporaryDirectory() as folder:
            report = Path(folder) / "report.json"
            target = "capture://self" if name == "no gateway" else url
            options = ("--capture-port", str(port), "--iterations", str(iterations), "--json-out", str(report))
            done = run(("pii-leak-benchmark", "selfcheck", "--target-base-url", target, *options))
            if not report.exists():
                sys.exit(f"The benchmark did not finish: {done.stdout}{done.stderr}")
            checks = json.loads(report.read_text())["checks"]
        raw = ",".join(checks["configured_upstream_boundary"]["leaked_entity_types"]) or "none"
        failed = ",".join(check for check, result in checks.items() if not result["passed"]) or "none"
        print(f"{name:16} sent raw: {raw}; checks failed: {failed}")


def rates(folder: Path, name: str) -> dict[str, Any]:
    report = json.loads((folder / f"{name}.json").read_text())
    metrics = report["metrics"]
    return {
        "fidelity": metrics["fidelity_rate"],
        "leak, whole": metrics["leak_rate"]["single_chunk"],
        "leak, cut": metrics["leak_rate"]["adversarial"],
        "cases": f"{metrics['cases_applicable']}/{metrics['cases_scored']}",
        "sent raw": ",".join(report["checks"]["configured_upstream_boundary"]["leaked_entity_types"]) or "none",
        "outcome": report["outcome"],
    }


def show_answers(seeds: int, oracle: str) -> None:
    """The second profile, by seed, with the tier that looks for parts of a value."""
    for number in range(seeds):
        port, seed = free_port(), f"{20261121 + number:016x}"
        with gateway(f"http://127.0.0.1:{port}/v1") as url, TemporaryDirectory() as folder:
            options = ("--upstream-port", str(port), "--seed", seed, "--oracle", oracle, "--partial-emission", "--out", folder)
            done = run(("pii-leak-benchmark-v2", "--only", "ollive", "--gateway-url", f"{url}/chat/completions", *options))
            if not (Path(folder) / "ollive.json").exists():
                sys.exit(f"The benchmark did not finish: {done.stdout}{done.stderr}")
            found = rates(Path(folder), "ollive")
            parts = json.loads((Path(folder) / "ollive.partial-emission.json").read_text())["metrics"]
        found["parts of a value"] = parts["partial_emission_rate"]["overall"]
        print(f"seed {seed}  " + "  ".join(f"{name} {value}" for name, value in found.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--iterations", type=int, default=3, help="of the first profile")
    parser.add_argument("--seeds", type=int, default=3, help="runs of the second profile, each with other values")
    parser.add_argument("--oracle", default="exhaustive-2-part", help="where the second profile cuts the values it brings")
    arguments = parser.parse_args()
    show_requests(arguments.iterations)
    show_answers(arguments.seeds, arguments.oracle)


if __name__ == "__main__":
    main()
