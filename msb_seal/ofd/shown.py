"""Which files a reader of an OFD is led to: from OFD.xml over pages and resources.

Only the files that can name others are opened. What is named and lies outside the container is told
apart from what is merely absent. GB/T 33190-2016, clauses 7 to 17.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msb_seal.errors import OfdRefused
from msb_seal.ofd.budget import EXHAUSTED
from msb_seal.ofd.coverage import Target, locations
from msb_seal.ofd.package import ROOT_NAME, may_have

if TYPE_CHECKING:
    from msb_seal.ofd.budget import Budget
    from msb_seal.ofd.coverage import Location
    from msb_seal.ofd.package import OfdPackage

MAX_FOLLOWED = 20_000
"""So many places are followed; a package has at most 2,000 entries."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a document leads to. files: entries; absent: names without an entry.

    elsewhere: places outside the container, as written; unreadable: files that may name others and
    cannot be read, or too many to follow.
    """

    files: frozenset[str]
    absent: frozenset[str]
    elsewhere: frozenset[str]
    unreadable: frozenset[str]


def find_shown(package: OfdPackage, budget: Budget, start: str | None = None) -> Shown:
    """Follow every place of a file from OFD.xml on, or from another entry.

    What cannot be read is told; OfdRefused ("too-much") only where the budget is spent.
    """
    return _Walk(package, budget).walk(start or package.resolve("/", ROOT_NAME))


class _Walk:
    def __init__(self, package: OfdPackage, budget: Budget) -> None:
        self._package = package
        self._budget = budget
        self._files: set[str] = set()
        self._absent: set[str] = set()
        self._elsewhere: set[str] = set()
        self._unreadable: set[str] = set()
        self._waiting: list[str] = []
        self._left = MAX_FOLLOWED

    def walk(self, root: str) -> Shown:
        self._files.add(root)
        self._waiting.append(root)
        while self._waiting:
            name = self._waiting.pop()
            try:
                for location in locations(self._budget.xml(self._package, name)):
                    self._follow(name, location)
            except OfdRefused as error:
                if error.code == EXHAUSTED:
                    raise
                self._unreadable.add(name)
        return Shown(
            frozenset(self._files),
            frozenset(self._absent),
            frozenset(self._elsewhere),
            frozenset(self._unreadable),
        )

    def _follow(self, name: str, location: Location) -> None:
        self._left -= 1
        if self._left < 0:
            self._unreadable.add(name)
            return
        target = None if location.is_elsewhere else self._resolve(name, location.joined)
        if target is None:
            self._elsewhere.add(location.path)
        elif target not in self._package.entries:
            self._absent.add(target)
        elif target not in self._files:
            self._files.add(target)
            if location.target is Target.INDEX or (
                location.target is Target.PAGE and may_have(self._package.entry(target), "PageRes")
            ):
                self._waiting.append(target)

    def _resolve(self, base: str, path: str) -> str | None:
        try:
            return self._package.resolve(base, path)
        except OfdRefused:  # it would leave the container
            return None
