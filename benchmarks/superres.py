"""Super-resolution x8 with full-width networks: eager in the default layout, against folded in strips.

Between steps, pictures are truncated to 8 bit: where rounding falls to the other side, a pixel is a whole
grey level off, and what the next step makes of that may be somewhat more.
"""

from __future__ import annotations

import time

import click
import torch

from benchmarks.measuring import alone
from benchmarks.training import pyramid_below, study_images
from runner.execution.resources import Resources, choose_device
from singan.geometry import pyramid_geometry, sr_output_size, sr_steps, step_ratio
from singan.pyramid import TrainedLevel
from singan.randomness import level_noise, stream
from singan.resize import crop, resize, size_of
from singan.superres import super_resolve

FACTOR = 8.0


def run(quick: bool) -> None:
    """Each image once each way, in a process of its own for its peak memory."""
    for name in ["colosseum"] if quick else ["stone-face", "cows", "colosseum"]:
        (eager, expected), eager_peak = alone(enlarge, name, False)
        (folded, found), folded_peak = alone(enlarge, name, True)
        off = (found - expected).abs() * 127.5
        far = f"more than 1 in {int((off > 1).sum())} of {off.numel()} values"
        click.echo(
            f"  {name:34} eager {eager:7.2f} s, {eager_peak:.0f} MB   folded {folded:7.2f} s, "
            f"{folded_peak:.0f} MB   {eager / folded:.2f}x; "
            f"at most {float(off.max()):.2f} grey levels apart, {far}"
        )


def enlarge(name: str, folded: bool) -> tuple[float, torch.Tensor]:
    """Seconds and result, in [-1, 1]."""
    Resources(engine="plain").settle()  # all threads
    device, image = choose_device("auto"), study_images()[name]
    pyramid = pyramid_below(image, pyramid_geometry(image.size, FACTOR).last + 1, device)
    noise = stream(0, "benchmark", device=device)
    started = time.perf_counter()
    way = super_resolve if folded else _eagerly
    result = way(pyramid.levels[-1], pyramid.reals[-1], FACTOR, noise).cpu()
    return time.perf_counter() - started, result


def _eagerly(top: TrainedLevel, working: torch.Tensor, factor: float, noise: torch.Generator) -> torch.Tensor:
    """The same steps through the network as it was trained."""
    image = working
    for step in range(sr_steps(factor)):
        image = resize(image, step_ratio(factor))
        image = top.generate(level_noise(step, size_of(image), noise), image)
    return crop(image, sr_output_size(size_of(working), factor)).clamp(-1, 1)
