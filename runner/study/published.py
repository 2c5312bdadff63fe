"""What the study's author published about a run, as a table of the study file: minutes, weights, a picture.

[experiment.real-a.published.stone-face]
last_level = 11.5
total = 11.6
trained = "TrainedModels/33039_LR_real/scale_factor=0.793701,alpha=100"
picture = "images/exp_a/33039_LR_HR_factor_8.png"
picture_sha256 = "1019d2270c85a18b..."
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from runner.study.types import Table

Minutes = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

_PART = r"[A-Za-z0-9_][A-Za-z0-9_.,=+-]*"
RelativePath = Annotated[str, StringConstraints(pattern=rf"^{_PART}(/{_PART})*$", max_length=300)]
"""A place below a folder, with `/` between its parts: never absolute, and never a way out of the folder."""


class Published(Table):
    """What the author published for one image."""

    total: Minutes | None = None
    """Training time of all levels together."""
    minutes_per_level: tuple[Minutes, ...] | None = None
    last_level: Minutes | None = None
    trained: RelativePath | None = None
    """The trained folder, below a clone of the author's repository."""
    picture: RelativePath | None = None
    """The super-resolved picture, below the study's `published_pictures`."""
    picture_sha256: Sha256 | None = None

    @model_validator(mode="after")
    def _says_something_whole(self) -> Self:
        if all(value is None for value in vars(self).values()):
            raise ValueError("says nothing; leave it out")
        if (self.picture is None) != (self.picture_sha256 is None):
            raise ValueError('"picture" and "picture_sha256" go together')
        return self
