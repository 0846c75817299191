"""`make bench`: every benchmark after the other, each with its own table. ARGS="streams render" for some of them."""

import subprocess
import sys
from pathlib import Path

HELPERS = {"__init__", "__main__", "stack", "chaos"}


def main() -> None:
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in HELPERS)
    runnable = [name for name in names if not name.endswith("_pages")]
    unknown = set(sys.argv[1:]) - set(runnable)
    if unknown:
        sys.exit(f"There is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(runnable)}.")
    for name in sys.argv[1:] or runnable:
        print(f"\n== {name}", flush=True)
        subprocess.run([sys.executable, "-m", f"bench.{name}"], check=True)


if __name__ == "__main__":
    main()
