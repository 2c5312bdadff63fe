"""Words for switches, durations and numbers on the pages."""

from __future__ import annotations

from dataclasses import dataclass

from runner.progress import duration as told_duration
from runner.store.provenance import Provenance
from runner.study.schema import Experiment
from singan.settings import PUBLISHED_EPOCHS, TrainingSettings
from singan.stopping import DONT_TRAIN_EPOCHS

UNKNOWN = "\N{EN DASH}"
"""Shown in place of a number that is not known."""

TIMES = "\N{MULTIPLICATION SIGN}"

_UPSAMPLES = {
    "sr": ("SR upsampling", "is enlarged by super-resolution, not by plain resizing"),
    "sr_noise": ("SR upsampling, then noise", "is enlarged by super-resolution, and noise is added again"),
    "learned": ("learned upsampling", "is enlarged by a network trained for it, not by plain resizing"),
}
_SWITCHES = {
    "adversarial": {
        "real_train": (
            "adversarial input: real image",
            "the adversarial input is the real image of the level below, not what the levels below generate",
        ),
        "mixed": (
            "adversarial input: partly real image",
            "in some D steps of an epoch the adversarial input is the real image of the level below, in the "
            "others what the levels below generate",
        ),
    },
    "reconstruction": {
        "real_train_rec": (
            "reconstruction input: real image",
            "the reconstruction input is the real image of the level below, not the reconstruction chain",
        ),
        "mixed_rec": (
            "reconstruction input: partly real image",
            "the reconstruction input is by turns the reconstruction chain and the real image of the level "
            "below",
        ),
    },
    **{
        f"{which}_upsample": {
            value: (f"{which} input: {brief}", f"the {which} input {sentence}")
            for value, (brief, sentence) in _UPSAMPLES.items()
        }
        for which in ("adversarial", "reconstruction")
    },
}
"""How each value that the original does not have is described: in brief, and as the end of a sentence."""


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
    found = [*_stop_difference(experiment, epochs)]
    for name, values in _SWITCHES.items():
        which = name.removesuffix("_upsample")
        start = getattr(experiment.upsample, which).start if which != name else None
        for value, (brief, sentence) in values.items():
            where = _where(lower[name] == value, last[name] == value, start)
            if where:
                found.append(Difference(f"{brief}, {where}", f"At {where}, {sentence}."))
    return (*found, *_super_resolution_difference(experiment))


def _where(lower: bool, last: bool, start: int | None) -> str:
    if lower and start is not None:
        return f"{'all' if last else 'the lower'} levels from level {start} on"
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
    rule = stop.as_rule
    scaled = TrainingSettings(epochs=epochs).scaled_stop(rule)
    is_published = epochs == PUBLISHED_EPOCHS
    here = "" if is_published else f" (here more than {scaled.after} of {epochs})"
    floor = f"more than {rule.after} of {PUBLISHED_EPOCHS} epochs{here} are done"
    if stop.rule == "small_rec_loss":
        sentence = f"A lower level stops once its reconstruction loss is below {rule.below:g} and {floor}."
        return [Difference(f"lower levels: stop below loss {rule.below:g}", sentence)]
    window = f"{rule.window} epochs" if is_published else f"{rule.window} epochs (here {scaled.window})"
    plateau = (
        f"the median of its reconstruction loss over {window} is less than {100 * rule.gain:g} % below that "
        f"over as many epochs before, and {floor}"
    )
    if not rule.anneals:
        return [Difference("lower levels: stop at a plateau", f"A lower level stops once {plateau}.")]
    more = plural(scaled.anneal, "epoch")
    sentence = f"At any level the learning rate drops once {plateau}; the level ends {more} later."
    return [Difference("all levels: lower rate at a plateau, then stop", sentence)]


def _super_resolution_difference(experiment: Experiment) -> list[Difference]:
    regional = experiment.super_resolution.as_settings
    if regional is None:
        return []
    sentence = (
        f"Each step of super-resolution mixes the generators of the last {regional.levels} levels, pixel by "
        "pixel: the better what one makes shrinks back to the input there, the more it counts."
    )
    return [Difference(f"super-resolution: the last {regional.levels} levels, by region", sentence)]


def machine_words(provenance: Provenance) -> str:
    """A machine as one phrase."""
    threads = plural(provenance.threads, "thread")
    return f"{provenance.machine} ({provenance.device}, {threads})"


def engine_words(provenance: Provenance) -> str:
    """How a training was carried out, as one phrase."""
    jobs = plural(provenance.jobs, "process", "processes")
    return f"{provenance.engine} engine, {jobs} on the machine"


def duration(seconds: float | None) -> str:
    """A time, as everywhere in the program."""
    return UNKNOWN if seconds is None else told_duration(seconds)


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


def join_words(words: tuple[str, ...], conjunction: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    *most, last = words or ("",)
    return f"{', '.join(most)} {conjunction} {last}" if most else last


def capitalised(text: str) -> str:
    """The text with a capital at its start, and otherwise as it is."""
    return text[:1].upper() + text[1:]


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 image`, `3 images`."""
    return f"{count} {one if count == 1 else many or one + 's'}"
