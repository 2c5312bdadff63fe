"""Which image of the study, or of the user's own, a pyramid from elsewhere was trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from pydantic import TypeAdapter, ValidationError

from runner.images.load import LoadedImage, StandIns, load_images
from runner.official.trained_folder import TrainedFolder
from runner.planning.selection import choose
from runner.record.results import Results
from runner.record.schema import ImageRecord
from runner.study.schema import Image, Study
from runner.study.types import Id
from singan.errors import UserError

_ID = TypeAdapter(Id)


@dataclass(frozen=True)
class Wanted:
    """What the user says of the picture; None where nothing is said."""

    image: str | None = None
    """It has to be this image of the study."""
    name: str | None = None
    """It is the user's own picture, and this is its id."""
    stand_ins: StandIns = "never"
    """Whether it may be a photograph that stands in for an image of the study."""


def match_image(
    trained: TrainedFolder, study: Study, results: Results, wanted: Wanted, say: Callable[[str], None]
) -> LoadedImage:
    """The image of the study that the folder was trained on; a picture of the user's own when there is none.

    The published code truncates the picture it keeps, so an image is recognised by nearly equal pixels, too;
    `say` is told which it was taken for. Images of the study that cannot be had here are passed over.

    Raises `UserError` when it is another image than the one wanted, may be either of two, or has an id that
    belongs to another picture.
    """
    if wanted.image is not None and wanted.name is not None:
        raise UserError("cannot go with --image", where="--name", right="an image of the study has its name")
    known: LoadedImage | None
    if wanted.image is not None:
        known = _the_wanted(trained, study, wanted.image, wanted.stand_ins, say)
    else:
        known = _of_the_study(trained, study, wanted.stand_ins, say)
    if known is None:
        own = _own(trained, study, results, wanted.name)
        say(f'its picture is no image of the study that is here; it is called "{own.id}"')
        return own
    if wanted.name is not None:
        raise UserError(
            f'the picture is image "{known.id}" of the study', where="--name", right="leave --name out"
        )
    if known.stand_in is not None:
        say(f"{known.title}: {known.stand_in} stands in for it")
    return known


def _the_wanted(
    trained: TrainedFolder, study: Study, name: str, stand_ins: StandIns, say: Callable[[str], None]
) -> LoadedImage:
    image = choose(study.image, name, "--image")
    known = _if_it_is(trained, image, stand_ins) or _if_nearly(trained, image, stand_ins, say)
    if known is None:
        size, other = trained.picture.size, load_images([image], stand_ins, _silent)[name].size
        how = f"of {size} pixels, not {other}" if size != other else f"of {size} pixels, too"
        raise UserError(
            f'was trained on another picture than image "{name}" ({how})',
            where=str(trained.folder),
            right="leave --image out to import it with its own picture",
        )
    return known


def _of_the_study(
    trained: TrainedFolder, study: Study, stand_ins: StandIns, say: Callable[[str], None]
) -> LoadedImage | None:
    """The study's image with these pixels, or else the one with nearly these; those of another size are not
    even looked for.
    """
    images = [image for image in study.image.values() if image.cropped_size == trained.picture.size]
    for image in images:
        if (exact := _if_it_is(trained, image, stand_ins)) is not None:
            return exact
    near = {image.id: found for image in images if (found := _nearly(trained, image, stand_ins))}
    if len(near) > 1:
        names = " or ".join(f'"{name}"' for name in near)
        raise UserError(
            f"its picture may be image {names} of the study",
            where=str(trained.folder),
            right="say which with --image",
        )
    for known in near.values():
        _tell_near(trained, known, say)
        return known
    return None


def _candidates(image: Image, stand_ins: StandIns) -> Iterator[LoadedImage]:
    """The image, then what may stand in for it; nothing where neither is here."""
    tried: tuple[StandIns, ...] = ("never",) if stand_ins == "never" else ("never", stand_ins)
    for either in tried:
        with suppress(UserError):
            yield load_images([image], either, _silent)[image.id]


def _if_it_is(trained: TrainedFolder, image: Image, stand_ins: StandIns) -> LoadedImage | None:
    """The image, or else what may stand in for it, if these are its very pixels."""
    same = (one for one in _candidates(image, stand_ins) if one.digest == trained.picture.digest)
    return next(same, None)


def _nearly(trained: TrainedFolder, image: Image, stand_ins: StandIns) -> LoadedImage | None:
    """The image, or else what may stand in for it, if these are its pixels but for truncation."""
    near = (one for one in _candidates(image, stand_ins) if trained.distance_below(one.pixels) is not None)
    return next(near, None)


def _if_nearly(
    trained: TrainedFolder, image: Image, stand_ins: StandIns, say: Callable[[str], None]
) -> LoadedImage | None:
    known = _nearly(trained, image, stand_ins)
    if known is not None:
        _tell_near(trained, known, say)
    return known


def _tell_near(trained: TrainedFolder, known: LoadedImage, say: Callable[[str], None]) -> None:
    say(
        f'its picture is taken for image "{known.id}", of which it is '
        f"{trained.distance_below(known.pixels):.2f} grey levels short on average, as truncation leaves it"
    )


def _silent(line: str) -> None:
    """Say nothing: a stand-in is announced when it is chosen, not when it is looked at."""


def _own(trained: TrainedFolder, study: Study, results: Results, name: str | None) -> LoadedImage:
    """The picture as the user's own: the one already recorded, or a new one."""
    recorded = {record.id: record for record in results.images()}
    picture = trained.picture if name is None else replace(trained.picture, id=name, title=name)
    for record in recorded.values():
        if record.is_own and record.pixels_sha256 == picture.digest and name in {None, record.id}:
            return replace(picture, id=record.id, title=record.title, credit=record.credit)
    where = str(trained.folder) if name is None else "--name"
    _check_id(picture, where, study, recorded.get(picture.id))
    return picture


def _check_id(picture: LoadedImage, where: str, study: Study, recorded: ImageRecord | None) -> None:
    another = "give the picture another id with --name"
    try:
        _ID.validate_python(picture.id)
    except ValidationError:
        raise UserError(
            f"{picture.id!a:.80} cannot be an id",
            where=where,
            right=f"{another}: lower-case letters and digits, with - and _ inside",
        ) from None
    if picture.id in study.image:
        raise UserError(
            f'"{picture.id}" is an image of the study, and this is another picture, or that one is not here',
            where=where,
            right=another,
        )
    if recorded is not None and recorded.pixels_sha256 != picture.digest:
        raise UserError(f'another picture is recorded as "{picture.id}"', where=where, right=another)
