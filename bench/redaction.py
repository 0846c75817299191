"""The redactor: MB/s on clean text, its worst on strings made to slow each rule down, what it finds, what a stream costs.

`python -m bench.redaction [--kilobytes 16] [--samples 300]`. CPU time of this process, best of three; the first line says how
fast the machine is at the moment. Streams are compared with the whole text while they are timed.
"""

import argparse
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import pairwise
from random import Random

from bench.redaction_corpus import PROVEN, Sample, positives
from bench.redaction_ids import NAMES, bare_ids, lookalikes, named_ids
from bench.redaction_lookalikes import negatives
from bench.redaction_texts import DIRTY, attacks, clean_texts
from telemetry.redaction import Config, StreamRedactor, redact, redactor_for
from telemetry.redaction.identities import When

SEED = 20261121
CLEAN_MB_A_SECOND, WORST_MS_A_KB, GROWTH, FEED_US = 10, 1, 2.5, 15


def seconds(work: Callable[[], object], *, repeat: int = 3) -> float:
    """CPU time of the fastest run."""
    best = float("inf")
    for _ in range(repeat):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


def million_additions() -> None:
    total = 0
    for number in range(1_000_000):
        total += number


def show_clean() -> None:
    print(f"\nclean text                     MB/s   (target {CLEAN_MB_A_SECOND})")
    for name, text in clean_texts(1_000_000).items():
        taken = seconds(lambda text=text: redact(text))  # type: ignore[misc]
        print(f"  {name:26} {len(text.encode()) / taken / 1e6:8.1f}")
    short = "Hello there, how are you today?"
    print(f"  {'a line of 31 characters':26} {seconds(lambda: [redact(short) for _ in range(1000)]) * 1000:8.1f} µs")


def show_worst(kilobytes: int) -> None:
    """The worst string of each rule, and how the time grows as it doubles."""
    size = kilobytes * 1000
    worst: dict[str, tuple[float, float, str]] = {}
    for (rule, name), text in attacks(Random(SEED), 2 * size).items():
        half, whole = seconds(lambda text=text: redact(text[:size])), seconds(lambda text=text: redact(text))  # type: ignore[misc]
        worst[rule] = max(worst.get(rule, (0.0, 0.0, "")), (half / kilobytes * 1000, whole / half, name))
    print(f"\nworst of each rule            ms/KB   twice the text   string   (targets {WORST_MS_A_KB}, under × {GROWTH})")
    for rule, (cost, growth, name) in sorted(worst.items(), key=lambda item: -item[1][0]):
        print(f"  {rule:26} {cost:8.2f}   × {growth:.2f}           {name!r}")


def show_findings(count: int) -> None:
    random = Random(SEED)
    found, all_of, wrong = Counter[str](), Counter[str](), Counter[str]()
    for sample in positives(random, count):
        redacted = redact(sample.text)
        is_found = sample.value not in redacted.text and sample.kind in redacted.kinds
        all_of[sample.kind] += 1
        found[sample.kind] += is_found
        wrong.update(dict(redacted.kinds))
        wrong[sample.kind] -= is_found
    lookalikes = list(negatives(random, count))
    for sample in lookalikes:
        wrong.update(dict(redact(sample.text).kinds))
    print(
        f"\n{sum(all_of.values())} values, {len(lookalikes)} look-alikes   recall   precision   (* by checksum, prefix or form)"
    )
    for kind in [*all_of, ""]:
        kinds = [kind] if kind else [each for each in all_of if each in PROVEN]
        right, total, false = (sum(counts[each] for each in kinds) for counts in (found, all_of, wrong))
        name = f"{kind or 'all'}{' *' if not kind or kind in PROVEN else ''}"
        print(f"  {name:24} {total:7d}   {right / total:.4f}   {right / (right + false):.4f}")


def show_ids(count: int) -> None:
    """National ids: by name and by form as everyone has them, then with each country switched on by itself."""
    random = Random(SEED)
    countries = sorted({kind[:2] for kind in NAMES})
    switched = {country: redactor_for(Config(national_ids=frozenset({country}))) for country in countries}
    by_form = list(bare_ids(random, count, when=When.SWITCHED))
    groups = (
        ("behind a name", [(redactor_for(), sample) for sample in named_ids(random, count)]),
        ("by form, always", [(redactor_for(), sample) for sample in bare_ids(random, count, when=When.ALWAYS)]),
        ("by form, country on", [(switched[sample.kind[:2]], sample) for sample in by_form]),
    )
    print(f"\nnational ids, {len(NAMES)} kinds      values   recall   right kind")
    for name, samples in groups:
        redacted = [(redactor.redact(sample.text), sample) for redactor, sample in samples]
        found = sum(sample.value not in one.text for one, sample in redacted)
        named = sum(sample.kind in one.kinds for one, sample in redacted)
        print(f"  {name:26} {len(samples):6d}   {found / len(samples):.4f}   {named / len(samples):.4f}")
    alike = [*negatives(random, count), *lookalikes(random, count)]
    for name, redactors in (("default", [redactor_for()]), ("each country on", list(switched.values()))):
        wrong = sum(not NAMES.keys().isdisjoint(redactor.redact(s.text).kinds) for redactor in redactors for s in alike)
        total = len(alike) * len(redactors)
        print(f"  taken for an id, {name:16} {wrong} of {total} look-alikes ({wrong / total:.5f})")


def in_pieces(random: Random, text: str) -> list[str]:
    """The text cut into pieces of 4 to 20 characters, as models send it."""
    places = [0]
    while places[-1] < len(text):
        places.append(min(len(text), places[-1] + random.randint(4, 20)))
    return [text[start:end] for start, end in pairwise(places)]


def show_streams() -> None:
    print(f"\nstream, pieces of 4-20        µs/feed   most held back   same as whole   (targets {FEED_US}, 128)")
    random = Random(SEED)
    for name, text in (clean_texts(60_000) | {"contacts and dates": DIRTY * 300}).items():
        pieces = in_pieces(random, text)
        taken = seconds(lambda pieces=pieces: stream(pieces))  # type: ignore[misc]
        redactor, held, put_out = StreamRedactor(), 0, ""
        for piece in pieces:
            put_out += redactor.feed(piece)
            held = max(held, redactor.held_count)
        is_same = put_out + redactor.flush() == redact(text).text
        print(f"  {name:26} {taken / len(pieces) * 1e6:8.1f}   {held:8d}         {is_same}")


def stream(pieces: list[str]) -> str:
    redactor = StreamRedactor()
    return "".join(map(redactor.feed, pieces)) + redactor.flush()


def show_splits(count: int) -> None:
    """Each sample at each split: how many give something else than the whole, or a part of a value."""
    by_kind: dict[str, list[Sample]] = defaultdict(list)
    for sample in positives(Random(SEED), count):
        by_kind[sample.kind].append(sample)
    splits = different = 0
    for samples in by_kind.values():
        for sample in samples[:count]:
            whole = redact(sample.text).text
            for place in range(len(sample.text) + 1):
                redactor = StreamRedactor()
                first = redactor.feed(sample.text[:place])
                out = first + redactor.feed(sample.text[place:]) + redactor.flush()
                splits += 1
                different += out != whole or not whole.startswith(first)
    total = sum(len(samples[:count]) for samples in by_kind.values())
    print(f"\n{splits} splits of {total} samples: {different} differ from the whole")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kilobytes", type=int, default=16, help="length of the strings that slow a rule down")
    parser.add_argument("--samples", type=int, default=300, help="values of each kind, and look-alikes of each sort")
    arguments = parser.parse_args()
    redact("bob@example.com, +14155550132, 020 7946 0958")  # the numbering plans are read at the first phone number
    print(f"a million additions take {seconds(million_additions) * 1000:.0f} ms here and now")
    show_clean()
    show_streams()
    show_worst(arguments.kilobytes)
    show_findings(arguments.samples)
    show_ids(max(1, arguments.samples // 6))
    show_splits(min(10, arguments.samples))


if __name__ == "__main__":
    main()
