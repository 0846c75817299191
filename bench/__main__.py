"""`make bench`: every benchmark after the other, each with its own table. ARGS="streams render" for some of them."""

import subprocess
import sys
from pathlib import Path

OTHERS = {"__main__", "chaos", "screenshots", "soak", "tour"}  # run by targets of their own


def main() -> None:
    sources = sorted(Path(__file__).parent.glob("*.py"))
    runnable = [path.stem for path in sources if "\ndef main() -> None:" in path.read_text() and path.stem not in OTHERS]
    unknown = set(sys.argv[1:]) - set(runnable)
    if unknown:
        sys.exit(f"There is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(runnable)}.")
    for name in sys.argv[1:] or runnable:
        print(f"\n== {name}", flush=True)
        subprocess.run([sys.executable, "-m", f"bench.{name}"], check=True)


if __name__ == "__main__":
    main()
