"""What the signatures of a revision allow to come after them: DocMDP, FieldMDP and /Lock.

ISO 32000-2, 12.8.2.2 and 12.8.2.4. They can only take away from what is allowed anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msb_seal.pdf.found import as_text, find_signatures

if TYPE_CHECKING:
    from msb_seal.pdf.revisions import Revision
    from msb_seal.pdf.syntax import Dictionary

NO_CHANGES, FORMS, ANNOTATIONS = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Lock:
    """Which fields must not change any more: all, those named, or all but those named."""

    action: str
    names: frozenset[str]

    def holds(self, name: str) -> bool:
        """Whether it is for that field, or one above it."""
        named = any(name == one or name.startswith(f"{one}.") for one in self.names)
        return self.action == "All" or (named if self.action == "Include" else not named)


@dataclass(frozen=True, slots=True)
class Permissions:
    """What may follow: the least of all that the signatures say."""

    level: int
    locks: tuple[Lock, ...]

    def locked(self, name: str) -> bool:
        """Whether that field must not change."""
        return any(lock.holds(name) for lock in self.locks)

    @classmethod
    def of(cls, revision: Revision) -> Permissions:
        """Read what the signatures of a revision say."""
        levels, locks = [ANNOTATIONS], []
        holders = [found.entries for found in find_signatures(revision)]
        certified = revision.dictionary(revision.catalog.get("Perms")).get("DocMDP")
        for holder in (*holders, revision.dictionary(certified)):
            for value in revision.array(holder.get("Reference")):
                reference = revision.dictionary(value)
                given = revision.dictionary(reference.get("TransformParams"))
                method = revision.resolve(reference.get("TransformMethod"))
                if method == "DocMDP":
                    levels.append(_level(revision, given, default=FORMS))
                elif method == "FieldMDP":
                    locks.append(_lock(revision, given))
        for found in find_signatures(revision):
            given = revision.dictionary(found.field.entries.get("Lock"))
            if given:
                locks.append(_lock(revision, given))
                levels.append(_level(revision, given, default=ANNOTATIONS))
        return cls(min(levels), tuple(locks))


def _level(revision: Revision, given: Dictionary, *, default: int) -> int:
    """Give the level that is meant; one that does not exist allows least."""
    if "P" not in given:
        return default
    level = revision.resolve(given["P"])
    allowed = (NO_CHANGES, FORMS, ANNOTATIONS)
    return level if isinstance(level, int) and level in allowed else NO_CHANGES


def _lock(revision: Revision, given: Dictionary) -> Lock:
    action = revision.resolve(given.get("Action"))
    names = (as_text(revision.resolve(one)) for one in revision.array(given.get("Fields")))
    known = action if isinstance(action, str) and action in ("Include", "Exclude") else "All"
    return Lock(known, frozenset(names))
