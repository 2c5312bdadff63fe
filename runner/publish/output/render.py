"""Pages become HTML: templates, strict about what they use, escaping everything.

What no page may hold even escaped, control characters, is replaced in the finished page: there none escapes.
"""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from rjsmin import jsmin

from runner.publish import words
from runner.publish.content.cards import card_of
from runner.publish.content.charts import THEMES
from runner.publish.content.metrics import fixed, interval_words
from runner.publish.content.pages import Page
from runner.publish.data.model import SiteData
from runner.shipped import shipped
from singan import __version__
from singan.errors import UserError
from singan.settings import PUBLISHED_EPOCHS

TEMPLATES = shipped("site_templates")

DOWNLOADS = ("study.json", "runs.csv", "levels.csv")


class Renderer:
    """Renders pages of one site."""

    def __init__(self, data: SiteData, address: str = "") -> None:
        """`address`, ending in a slash, is where the site will be; without it, cards have relative ones."""
        self._data = data
        self._address = address
        self._environment = _environment()
        self._environment.globals.update(
            site=data,
            version=__version__,
            downloads=DOWNLOADS,
            themes=THEMES,
            published_epochs=PUBLISHED_EPOCHS,
        )

    def html(self, page: Page) -> bytes:
        """The page's file."""
        template = self._environment.get_template(f"pages/{page.template}")
        card = card_of(page, self._data)
        start = self._address or page.root
        shared = {"card": f"{start}{card.url}" if card else "", "address": self._address}
        return words.harmless(template.render(page=page, root=page.root, **shared)).encode()


def static_files() -> Iterator[tuple[str, bytes]]:
    """Files every site has: name in the site, content. Scripts come without what only their authors read."""
    for path in sorted((TEMPLATES / "static").iterdir()):
        content = path.read_bytes()
        if path.suffix == ".js":
            content = jsmin(content)
        yield f"static/{path.name}", content


def _environment() -> Environment:
    if not TEMPLATES.is_dir():
        raise UserError("the page templates are missing", where=str(TEMPLATES), right="install singan again")
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
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
        fixed=fixed,
    )
    return environment
