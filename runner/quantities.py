"""Numbers as study files, stores and records may hold them.

Bounds lie far beyond what is ever used: a damaged or mistyped number must not fill the memory or fail in a
page.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Pixel = Annotated[int, Field(ge=0, le=100_000)]
"""A coordinate."""

Side = Annotated[int, Field(ge=1, le=100_000)]
"""Of a picture, pixels."""

Count = Annotated[int, Field(ge=0, le=1_000_000)]
Positive = Annotated[int, Field(ge=1, le=1_000_000)]
Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Minutes = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
LevelIndex = Annotated[int, Field(ge=0, le=99)]
