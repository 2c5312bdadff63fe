"""Switches, durations and numbers as a reader wants them."""

from __future__ import annotations

from dataclasses import dataclass

from runner.store.provenance import Provenance
from runner.study.schema import Experiment
from singan.settings import PUBLISHED_EPOCHS, TrainingSettings
from singan.stopping import DONT_TRAIN_EPOCHS

UNKNOWN = "\N{EN DASH}"
"""Stands where there is no number."""

TIMES = "\N{MULTIPLICATION SIGN}"

_SWITCHES = {
    "adversarial": (
        "adversarial input: real image",
        "the adversarial input is the real image of the level below, not what the levels below generate",
    ),
    "reconstruction": (
        "reconstruction input: real image",
        "the reconstruction input is the real image of the level below, not the reconstruction chain",
    ),
    "adversarial_upsample": (
        "adversarial input: SR upsampling",
        "the adversarial input is enlarged by super-resolution, not by plain resizing",
    ),
    "reconstruction_upsample": (
        "reconstruction input: SR upsampling",
        "the reconstruction input is enlarged by super-resolution, not by plain resizing",
    ),
}


@dataclass(frozen=True)
class Difference:
    """One way an experiment differs from the original training."""

    brief: str
    sentence: str


def differences(experiment: Experiment, epochs: int) -> tuple[Difference, ...]:
    """How an experiment differs from the original training; empty for the original itself.

    `epochs` are those of the profile shown: a stop rule's floor scales with them.
    """
    lower, last = vars(experiment.feed(last=False)), vars(experiment.feed(last=True))
    original = {"adversarial": "rand", "reconstruction": "rec"}
    found = [*_stop_difference(experiment, epochs)]
    for name, (brief, sentence) in _SWITCHES.items():
        default = original.get(name, "regular")
        where = _where(lower[name] != default, last[name] != default)
        if where:
            found.append(Difference(f"{brief}, {where}", f"At {where}, {sentence}."))
    return tuple(found)


def _where(lower: bool, last: bool) -> str:
    if lower and last:
        return "all levels"
    return "the lower levels" if lower else "the last level" if last else ""


def _stop_difference(experiment: Experiment, epochs: int) -> list[Difference]:
    stop = experiment.stop
    if stop.rule == "none":
        return []
    if stop.rule == "dont_train":
        sentence = f"The lower levels are trained for {DONT_TRAIN_EPOCHS} epochs only, whatever the profile."
        return [Difference(f"lower levels: {DONT_TRAIN_EPOCHS} epochs", sentence)]
    scaled = TrainingSettings(epochs=epochs).scaled_stop(stop.as_rule).after
    here = "" if epochs == PUBLISHED_EPOCHS else f" (here more than {scaled} of {epochs})"
    sentence = (
        f"A lower level stops once its reconstruction loss is below {stop.below:g} and more than "
        f"{stop.after} of {PUBLISHED_EPOCHS} epochs{here} are done."
    )
    return [Difference(f"lower levels: stop below loss {stop.below:g}", sentence)]


def machine_words(provenance: Provenance) -> str:
    """A machine as one phrase."""
    threads = plural(provenance.threads, "thread")
    return f"{provenance.machine} ({provenance.device}, {threads})"


def engine_words(provenance: Provenance) -> str:
    """How a training was carried out, as one phrase."""
    jobs = plural(provenance.jobs, "process", "processes")
    return f"{provenance.engine} engine, {jobs} on the machine"


def duration(seconds: float | None) -> str:
    """Seconds to three figures or so: `0.43 s`, `12.7 s`, `3 min 05 s`, `2 h 07 min`.

    >>> [duration(value) for value in (0.432, 12.68, 59.96, 185.2, 7620.0)]
    ['0.43 s', '12.7 s', '1 min 00 s', '3 min 05 s', '2 h 07 min']
    """
    if seconds is None:
        return UNKNOWN
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} min"


def minutes(value: float | None) -> str:
    """Published minutes, as published: two decimals."""
    return UNKNOWN if value is None else f"{value:.2f} min"


def ratio(value: float | None) -> str:
    """A ratio to the original: two decimals and a multiplication sign."""
    return UNKNOWN if value is None else f"{value:.2f}{TIMES}"


def number(value: float | None) -> str:
    """A loss: four significant digits."""
    return UNKNOWN if value is None else f"{value:.4g}"


def factor_words(factor: str) -> str:
    """`x8` with a multiplication sign."""
    return factor.replace("x", TIMES, 1)


def size_words(width: int, height: int) -> str:
    """Width and height with a multiplication sign between them."""
    return f"{width}{TIMES}{height}"


def join_words(words: tuple[str, ...]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *most, last = words or ("",)
    return f"{', '.join(most)} and {last}" if most else last


def capitalised(text: str) -> str:
    """The text with a capital at its start, and otherwise as it is."""
    return text[:1].upper() + text[1:]


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 image`, `3 images`."""
    return f"{count} {one if count == 1 else many or one + 's'}"
