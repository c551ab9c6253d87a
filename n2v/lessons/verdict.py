"""A claim and a measurement: do they agree? Answered from the interval, never from the value alone."""

import math
from dataclasses import dataclass
from html import escape
from numbers import Integral, Real

from n2v.errors import BadInput
from n2v.tasks.metrics import summarise

AGREES, DISAGREES, CANNOT_TELL = "agrees", "disagrees", "cannot tell"


@dataclass(frozen=True)
class Verdict:
    """What a measurement says about a claim. In a notebook it shows itself; `Recorder.verdict` keeps it as well."""

    claim: str
    word: str  # AGREES, DISAGREES or CANNOT_TELL
    measured: str  # such as "28.4 dB (27.1 to 29.7)"
    wanted: str  # such as "above 28"
    n: int | None = None
    recorded: bool = False  # a Recorder shows it when the cell has ended, so not once more as the cell's value

    def __str__(self) -> str:
        return f"{self.claim}: {self.heading}. {self.details}"

    @property
    def heading(self) -> str:
        return self.word + (" at this size" if self.word == CANNOT_TELL else "")

    @property
    def details(self) -> str:
        of_items = "" if self.n is None else f", n = {self.n:,}"
        sampled = "all of the interval" if self.measured.endswith(")") else "it"
        return f"Measured {self.measured}{of_items}; it agrees when {sampled} is {self.wanted}."

    def _ipython_display_(self) -> None:
        from IPython.display import HTML, display

        if not self.recorded:
            display(HTML(self._repr_html_()))

    def _repr_html_(self) -> str:
        sentence = f"{escape(self.claim)}: <b>{self.heading}</b>. <small>{escape(self.details)}</small>"
        return f'<p class="verdict {self.word.replace(" ", "-")}">{sentence}</p>'


def verdict(
    claim: str,
    value: float,
    low: float,
    high: float,
    *,
    above: float | None = None,
    below: float | None = None,
    within: tuple[float, float] | None = None,
    n: int | None = None,
    unit: str = "",
) -> Verdict:
    """Whether a measured value agrees with a claim: its whole interval must lie where the claim puts the value.

    *Agrees*: all of [low, high] lies there. *Disagrees*: none of it does. *Cannot tell*: a threshold lies inside the
    interval, or there is none (NaN: too few items). Of a comparison give the difference and its own interval, with
    `above=0`: two single intervals that overlap say nothing about it. What was counted has low = high = value.

    >>> verdict("Embeddings are read better than raw weights", 0.04, 0.01, 0.07, above=0, n=234).word
    'agrees'
    >>> verdict("The fit reaches 28 dB", 28.4, 27.1, 29.7, above=28, n=12, unit="dB").details
    'Measured 28.4 dB (27.1 to 29.7), n = 12; it agrees when all of the interval is above 28.'

    Args:
        claim: A sentence without its full stop, true when the value is where the next argument says.
        value: What was measured, in `unit`.
        low: Lower end of its 95 % interval.
        high: Upper end.
        above: Where the claim puts the value: exactly one of above, below and within (two ends).
        below: The same.
        within: The same.
        n: Independent items behind the value (objects, not their versions).
        unit: Of the value, such as "dB" or "%".

    Raises:
        BadInput: not exactly one of above, below and within, or a value outside its own interval.
    """
    places = {"above": above, "below": below, "within": within}
    given = [name for name, place in places.items() if place is not None]
    if len(given) != 1:
        raise BadInput(f"{len(given)} places for the value", where=claim, fix="give one of above=, below=, within=")
    floor = above if above is not None else within[0] if within else -math.inf
    ceiling = below if below is not None else within[1] if within else math.inf
    value, low, high = map(float, (value, low, high))
    known = all(map(math.isfinite, (value, low, high)))
    if known and not low <= value <= high:
        raise BadInput(f"{value:g} is outside {low:g} to {high:g}", where=claim, fix="give value, low, high")
    word = CANNOT_TELL
    if known and floor < low and high < ceiling:
        word = AGREES
    elif known and (high < floor or ceiling < low):
        word = DISAGREES
    interval = f"({shown(low)} to {shown(high)})" if known else "(no interval)"
    if known and low == high:  # counted, not sampled
        interval = ""
    wanted = f"between {shown(floor)} and {shown(ceiling)}" if within else f"{given[0]} {shown(places[given[0]])}"
    return Verdict(
        claim, word, " ".join(filter(None, (shown(value), unit, interval))), wanted, n if n is None else int(n)
    )


def with_half_widths(table: list[dict]) -> list[dict]:
    """Rows of n2v.tasks.metrics.over_repeats, each "name ±" joined to its number where there is one.

    >>> with_half_widths([{"who": "a", "far": 2.5, "far ±": 0.25, "near": 0.5, "near ±": math.nan}])
    [{'who': 'a', 'far': '2.5 ± 0.25', 'near': 0.5}]
    """

    def joined(value: object, half: float | None) -> object:
        return value if half is None or math.isnan(half) else f"{shown(value)} ± {shown(half)}"

    return [
        {name: joined(value, row.get(f"{name} ±")) for name, value in row.items() if not name.endswith(" ±")}
        for row in table
    ]


def mean_interval(values) -> tuple[float, float, float]:
    """Mean of a few values and its 95 % interval by Student's t: (mean, low, high); one value has none (NaN)."""
    found = summarise(values)
    return found["mean"], found["mean"] - found["half_width"], found["mean"] + found["half_width"]


def shown(value: object) -> str:
    """A value for readers: three significant digits, powers of ten below 1e-3 and from 1e9, a dash for what is missing.

    What is below 1e-9 is rounding: zero.

    >>> [shown(one) for one in (0.87654, 1234.5, 2.345e-5, 6.939e-18, -7e37, 12, None, math.nan, "8 of 9")]
    ['0.877', '1234', '2.3e-05', '0', '-7.0e+37', '12', '-', '-', '8 of 9']
    """
    if value is None:
        return "-"
    if isinstance(value, Integral) or not isinstance(value, Real):
        return str(value)
    size = abs(float(value))
    if not math.isfinite(size):
        return "-" if math.isnan(size) else "inf" if value > 0 else "-inf"
    if size < 1e-9:
        return "0"
    if not 1e-3 <= size < 1e9:
        return f"{value:.1e}"
    return f"{value:.0f}" if size >= 1000 else f"{value:.3g}"
