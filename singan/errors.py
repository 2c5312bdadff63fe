"""The one exception meant for people."""

from __future__ import annotations


class UserError(Exception):
    """Something the user can mend, told in one line: what is wrong, where, and what would be right.

    It may be raised anywhere. The command line turns it into exit status 2; while a run executes, it becomes
    that run's failure reason instead.
    """

    def __init__(self, what: str, *, where: str | None = None, right: str | None = None) -> None:
        parts = [what if where is None else f"{where}: {what}"]
        if right is not None:
            parts.append(right)
        super().__init__(" ".join("; ".join(parts).split()))
