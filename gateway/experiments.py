"""The comparison of the models behind a short name: how each did, and which differences are more than chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import sqrt

from gateway.models import ModelAlias
from telemetry.queries import variants
from telemetry.queries.variants import Figures

Z = 1.96  # 19 of 20 times
ENOUGH = 30  # calls of each side, before a difference is called one


@dataclass(frozen=True, slots=True)
class Share:
    """A share of calls, and between which bounds it lies 19 of 20 times."""

    part: int
    whole: int

    @property
    def value(self) -> float:
        return self.part / self.whole

    @property
    def bounds(self) -> tuple[float, float]:
        """Wilson's interval: right for few calls, and for shares of all or none."""
        n, p = self.whole, self.value
        middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
        reach = Z / (1 + Z * Z / n) * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
        return max(0.0, middle - reach), min(1.0, middle + reach)

    @property
    def percent(self) -> str:
        return f"{100 * self.value:.1f} %"

    @property
    def bounds_percent(self) -> str:
        low, high = self.bounds
        return f"{100 * low:.0f} to {100 * high:.0f} %"

    def differs_from(self, other: "Share") -> bool:
        """Whether chance alone would make such a difference less than once in 20 times."""
        n, m = self.whole, other.whole
        if min(n, m) < ENOUGH:
            return False
        pooled = (self.part + other.part) / (n + m)
        spread = sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
        return spread > 0 and abs(self.value - other.value) / spread > Z


@dataclass(frozen=True, slots=True)
class Side:
    """One model of a comparison. `weight` is 0 for one that gets no requests any more."""

    path: str
    weight: int
    figures: Figures | None
    answered: Share | None
    liked: Share | None
    verdict: str = ""  # beside the first one

    @property
    def seconds(self) -> tuple[str, str, str]:
        """Until the first word, until the end, and until the end of the slowest twentieth."""
        told = self.figures
        values = (told.ttft_ms, told.latency_ms, told.slow_ms) if told else (None, None, None)
        first, middle, slow = ("–" if value is None else f"{value / 1000:.2f} s" for value in values)
        return first, middle, slow

    @property
    def cost_of_1000_usd(self) -> Decimal | None:
        """Of the calls whose price is known."""
        figures = self.figures
        if figures is None or figures.cost_usd is None or not figures.priced_count:
            return None
        return figures.cost_usd / figures.priced_count * 1000


@dataclass(frozen=True, slots=True)
class Comparison:
    """The sides, the first being the model that the name means."""

    sides: Sequence[Side]
    call_count: int


def compare(alias: ModelAlias, *, since: datetime) -> Comparison:
    """How the models did since then: those that share now, and those that did."""
    found = {one.variant: one for one in variants.figures(alias.workspace_id, alias.name, since=since)}
    sharing = {alias.path: alias.weight}
    sharing |= {one.path: one.weight for one in alias.deployments.all() if not one.is_fallback}
    paths = list(dict.fromkeys([*sharing, *found]))
    sides = [_side(path, sharing.get(path, 0), found.get(path)) for path in paths]
    first = sides[0]
    told = [first, *(_judged(side, first) for side in sides[1:])]
    return Comparison(told, sum(one.call_count for one in found.values()))


def _side(path: str, weight: int, figures: Figures | None) -> Side:
    ended = figures.success_count + figures.error_count if figures else 0
    answered = Share(figures.success_count, ended) if figures and ended else None
    liked = Share(figures.liked_count, figures.judged_count) if figures and figures.judged_count else None
    return Side(path, weight, figures, answered, liked)


def _judged(side: Side, first: Side) -> Side:
    said = [
        (better if mine.value > others.value else worse)
        for mine, others, better, worse in (
            (side.answered, first.answered, "answers more reliably", "fails more often"),
            (side.liked, first.liked, "is liked better", "is liked less"),
        )
        if mine and others and mine.differs_from(others)
    ]
    few = min(side.answered.whole if side.answered else 0, first.answered.whole if first.answered else 0)
    verdict = " and ".join(said) or ("too few calls to tell" if few < ENOUGH else "no difference that chance would not make")
    return Side(side.path, side.weight, side.figures, side.answered, side.liked, verdict)
