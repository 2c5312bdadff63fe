"""Pages become HTML: templates, strict about what they use, escaping everything.

Control characters, which no page may hold even escaped, are replaced in the finished page, so none is missed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined, Template
from jinja2.bccache import Bucket
from rjsmin import jsmin

from runner.files import is_litter
from runner.publish import words
from runner.publish.content.cards import card_of
from runner.publish.content.charts import THEMES
from runner.publish.content.glyph import glyph
from runner.publish.content.metrics import fixed, good_word, interval_words
from runner.publish.content.pages import Page
from runner.publish.content.profiles import ProfilePages, profile_links
from runner.publish.content.verdicts import MUCH, PLAIN
from runner.shipped import shipped
from runner.streams import harmless
from singan import __version__
from singan.errors import UserError
from singan.settings import PUBLISHED_EPOCHS

TEMPLATES = shipped("site_templates")

DOWNLOADS = ("study.json", "runs.csv", "levels.csv")


class _CompiledTemplates(BytecodeCache):
    """Compiled templates, kept by the process: each profile renders the same ones."""

    def __init__(self) -> None:
        self._compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill a template's bucket if it was compiled before."""
        if bucket.key in self._compiled:
            bucket.bytecode_from_string(self._compiled[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        self._compiled[bucket.key] = bucket.bytecode_to_string()


_COMPILED = _CompiledTemplates()


class Renderer:
    """Renders the pages of one profile; `profiles` are those of all that are on the site."""

    def __init__(self, shown: ProfilePages, profiles: Sequence[ProfilePages], address: str = "") -> None:
        """`address`, ending in a slash, is where the site will be; without it, cards have relative ones."""
        self._shown = shown
        self._profiles = profiles
        self._address = address
        self._environment = _environment()
        self._environment.globals.update(
            site=shown.data,
            version=__version__,
            downloads=DOWNLOADS,
            themes=THEMES,
            published_epochs=PUBLISHED_EPOCHS,
            plain=PLAIN,
            much=MUCH,
        )

    def html(self, page: Page) -> bytes:
        """The bytes of the page's file."""
        return self.fill(self._environment.get_template(f"pages/{page.template}"), page)

    def fill(self, template: Template, page: Page) -> bytes:
        """A template, filled: `home` leads to the pages of its profile, `root` to the site's folder."""
        home, root = page.home, page.home + self._shown.root
        links = profile_links(page, self._shown, self._profiles)
        card = card_of(page, self._shown.data)
        start = self._address or root
        shared = {"card": f"{start}{card.url}" if card else "", "address": self._address}
        return harmless(template.render(page=page, home=home, root=root, profiles=links, **shared)).encode()


def static_files() -> Iterator[tuple[str, bytes]]:
    """Files every site has: name in the site, content. Scripts come without what only their authors read."""
    for path in sorted((TEMPLATES / "static").iterdir()):
        if is_litter(path.name):
            continue
        content = path.read_bytes()
        if path.suffix == ".js":
            content = jsmin(content)
        yield f"static/{path.name}", content


def _environment() -> Environment:
    if not TEMPLATES.is_dir():
        raise UserError("the page templates are missing", where=str(TEMPLATES), right="install singan again")
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        bytecode_cache=_COMPILED,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        duration=words.duration,
        minutes=words.minutes,
        ratio=words.ratio,
        number=words.number,
        factor=words.factor_words,
        joined=words.join_words,
        plural=words.plural,
        capitalised=words.capitalised,
        interval=interval_words,
        glyph=glyph,
        good_word=good_word,
        fixed=fixed,
    )
    return environment
