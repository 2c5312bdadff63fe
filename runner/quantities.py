"""Types of the numbers in study files, stores and records.

Their bounds lie far beyond what is ever used: they keep a damaged or mistyped number from filling the memory
or breaking a page.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Pixel = Annotated[int, Field(ge=0, le=100_000)]
"""A coordinate in a picture, pixels."""

Side = Annotated[int, Field(ge=1, le=100_000)]
"""Width or height of a picture, pixels."""

Count = Annotated[int, Field(ge=0, le=1_000_000)]
Positive = Annotated[int, Field(ge=1, le=1_000_000)]
Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Minutes = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
LevelIndex = Annotated[int, Field(ge=0, le=99)]
