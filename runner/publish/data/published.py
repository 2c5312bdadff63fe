"""What was measured on the pictures that the author published, as far as it is about the pictures shown."""

from __future__ import annotations

from collections.abc import Container, Mapping
from pathlib import Path

from runner.record.results import Results, profiles_in, read_published
from runner.record.schema import ImageRecord, PublishedPicture, factor_name
from runner.study.schema import Study


def published_pictures(
    study: Study, shown: Container[str], records: Mapping[str, ImageRecord], results_root: Path
) -> tuple[PublishedPicture, ...]:
    """The study's published pictures at its factor that were measured against the image that is shown.

    `shown` are ids of images, `records` those of the profile shown, by id. An image on which nothing was run
    in this profile is that of the other profiles: what was published is the same in all of them.
    """
    elsewhere = {
        record.id: record
        for name in profiles_in(results_root)
        for record in Results(results_root, name).images()
    }
    known = {**elsewhere, **records}

    def is_shown(picture: PublishedPicture) -> bool:
        image = known.get(picture.image)
        return (
            picture.experiment in study.experiment
            and picture.image in shown
            and picture.factor == factor_name(study.study.factor)
            and image is not None
            and image.pixels_sha256 == picture.pixels_sha256
        )

    return tuple(filter(is_shown, read_published(results_root).pictures))
