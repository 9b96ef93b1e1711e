"""Staff (工作人员): members of departments, with posts; what roles they have, says `roles_of`.

A member of staff has an account of its own with its own sign-in, under a staff number (工号) that
is never given again, whether or not it is known which natural person it is. Its roles are those of
its posts, those of its department, and those that departments above give to all below them. Nothing
else gives a role, and leaving takes all of them: sessions and tokens end in the same transaction.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from msb_identity.errors import AccountRefused
from msb_identity.foundation.clock import aware, from_seconds, seconds
from msb_identity.foundation.protect import mask_name
from msb_identity.foundation.rotation import SealedTable
from msb_identity.people.departments import find_department, line_of, tree_lock
from msb_identity.people.records import check_name, check_page, kept_id, new_id
from msb_identity.people.sentences import staff_refused
from msb_identity.people.tables import (
    MAX_NUMBER_CHARS,
    department_roles,
    post_roles,
    posts,
    staff,
    staff_posts,
)
from msb_identity.sso.cutoffs import CutOffs
from msb_identity.sso.session_rows import end_sessions, sessions, sessions_lock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Row

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.protect import Protector
    from msb_identity.foundation.store import Store

MAX_POSTS = 20
SEALED = SealedTable(staff, ("name",))
"""What `foundation.rotation` needs to know of the names of staff."""
_NUMBER = re.compile(r"[A-Za-z0-9]+(?:[._@-][A-Za-z0-9]+)*", re.ASCII)


@dataclass(frozen=True, slots=True, repr=False)
class StaffMember:
    """One member of staff; its repr is masked. person_id: which natural person, where known."""

    id: str
    department_id: str
    number: str
    name: str
    person_id: str | None
    posts: tuple[str, ...]
    left_at: datetime | None

    @property
    def has_left(self) -> bool:
        """Whether nobody signs in to it any more."""
        return self.left_at is not None

    def __repr__(self) -> str:
        return f"<StaffMember {self.id} {mask_name(self.name)}>"


class Staff:
    """The members of staff of one store."""

    def __init__(self, store: Store, protector: Protector, *, audit: Audit | None = None) -> None:
        """Use a store opened with `people.tables.metadata`; audit: where to record."""
        self._store, self._protector, self._audit = store, protector, audit
        self._cut_offs = CutOffs(store)

    def register(
        self,
        *,
        number: str,
        name: str,
        department_id: str,
        person_id: str | None = None,
        by: str | None = None,
        now: datetime | None = None,
    ) -> StaffMember:
        """Make a member of staff; number: unique in the store, for ever.

        Raises StaffRefused: `number`, `number-known`, `title`, `no-department`, `no-account`.
        """
        staff_id = new_id()
        sealed = self._protector.seal(_check_name(name), SEALED.place("name", staff_id))
        row: dict[str, Any] = {"id": staff_id, "number": check_number(number), "name": sealed}
        row |= {"department_id": department_id, "person_id": person_id}
        try:
            with self._store.write(locks=[tree_lock()]) as connection:
                find_department(connection, department_id)
                row["person_id"] = kept_id(connection, person_id)
                if row["person_id"] is None and person_id is not None:
                    raise staff_refused("no-account")
                connection.execute(insert(staff).values(row))
                return self._done(connection, "registered", staff_id, by=by, now=now)
        except IntegrityError:
            raise staff_refused("number-known") from None

    def get(self, staff_id: str) -> StaffMember | None:
        """Find a member of staff by the account's id."""
        return self._find(staff.c.id == staff_id)

    def by_number(self, number: str) -> StaffMember | None:
        """Find a member of staff by the number signed in with; StaffRefused (`number`)."""
        return self._find(staff.c.number == check_number(number))

    def page(
        self, *, department_id: str | None = None, after: str = "", limit: int = 100
    ) -> list[StaffMember]:
        """Give members of staff, or those of one department, in order of their ids."""
        check_page(limit)
        query = select(staff).where(staff.c.id > after).order_by(staff.c.id).limit(limit)
        if department_id is not None:
            query = query.where(staff.c.department_id == department_id)
        with self._store.read() as connection:
            rows = connection.execute(query).all()
            return self._open(connection, rows)

    def move(
        self,
        staff_id: str,
        department_id: str,
        *,
        by: str | None = None,
        now: datetime | None = None,
    ) -> StaffMember:
        """Put somebody into another department: without the posts, and the tokens, of the old one.

        Raises StaffRefused: `no-staff`, `left`, `no-department`.
        """
        with self._store.write(locks=[tree_lock()]) as connection:
            self._present(connection, staff_id)
            find_department(connection, department_id)
            connection.execute(staff_posts.delete().where(staff_posts.c.staff_id == staff_id))
            moved = update(staff).where(staff.c.id == staff_id).values(department_id=department_id)
            connection.execute(moved)
            self._cut_offs.end_subject(connection, staff_id, now)
            return self._done(connection, "moved", staff_id, by=by, now=now)

    def give_post(
        self,
        staff_id: str,
        post_id: str,
        *,
        by: str | None = None,
        now: datetime | None = None,
    ) -> StaffMember:
        """Give somebody a post of any department (兼任 included); done twice, it gives the same.

        Raises StaffRefused: `no-staff`, `left`, `no-post`, `too-many`.
        """
        with self._store.write(locks=[tree_lock()]) as connection:
            held = self._present(connection, staff_id).posts
            if connection.scalar(select(posts.c.id).where(posts.c.id == post_id)) is None:
                raise staff_refused("no-post")
            if post_id not in held:
                if len(held) >= MAX_POSTS:
                    raise staff_refused("too-many")
                row = {"staff_id": staff_id, "post_id": post_id}
                connection.execute(insert(staff_posts).values(row))
            return self._done(connection, "post-given", staff_id, by=by, now=now, object_=post_id)

    def take_post(
        self,
        staff_id: str,
        post_id: str,
        *,
        by: str | None = None,
        now: datetime | None = None,
    ) -> StaffMember:
        """Take a post away, and end the tokens that may carry its roles."""
        with self._store.write(locks=[tree_lock()]) as connection:
            self._present(connection, staff_id)
            this = (staff_posts.c.staff_id == staff_id) & (staff_posts.c.post_id == post_id)
            if not connection.execute(staff_posts.delete().where(this)).rowcount:
                raise staff_refused("no-post")
            self._cut_offs.end_subject(connection, staff_id, now)
            return self._done(connection, "post-taken", staff_id, by=by, now=now, object_=post_id)

    def leave(
        self, staff_id: str, *, by: str | None = None, now: datetime | None = None
    ) -> StaffMember:
        """Somebody leaves (离职): posts, roles, sessions and tokens end; done twice, the same."""
        moment = aware(now)
        with self._store.write(locks=[tree_lock(), sessions_lock(staff_id)]) as connection:
            found = self._one(connection, staff.c.id == staff_id)
            if found is None:
                raise staff_refused("no-staff")
            if found.has_left:
                return found
            connection.execute(staff_posts.delete().where(staff_posts.c.staff_id == staff_id))
            left = update(staff).where(staff.c.id == staff_id).values(left_at=seconds(moment))
            connection.execute(left)
            done = self._done(connection, "left", staff_id, by=by, now=moment)
            theirs = sessions.c.subject == staff_id
            end_sessions(
                connection, theirs, cut_offs=self._cut_offs, audit=self._audit, by=by, now=moment
            )
            self._cut_offs.end_subject(connection, staff_id, moment)
            return done

    def roles_of(self, staff_id: str) -> tuple[str, ...]:
        """Give the roles somebody has, in their order; none for who has left or is not there."""
        with self._store.read() as connection:
            found = self._one(connection, staff.c.id == staff_id)
            if found is None or found.has_left:
                return ()
            line = line_of(connection, found.department_id)
            above = (department_roles.c.department_id.in_(line)) & department_roles.c.below
            own = department_roles.c.department_id == found.department_id
            of_departments = select(department_roles.c.role).where(own | above)
            of_posts = select(post_roles.c.role).where(post_roles.c.post_id.in_(found.posts))
            roles = {*connection.scalars(of_departments), *connection.scalars(of_posts)}
        return tuple(sorted(roles))

    def _find(self, condition: ColumnElement[bool]) -> StaffMember | None:
        with self._store.read() as connection:
            return self._one(connection, condition)

    def _one(self, connection: Connection, condition: ColumnElement[bool]) -> StaffMember | None:
        found = self._open(connection, connection.execute(select(staff).where(condition)).all())
        return found[0] if found else None

    def _present(self, connection: Connection, staff_id: str) -> StaffMember:
        found = self._one(connection, staff.c.id == staff_id)
        if found is None:
            raise staff_refused("no-staff")
        if found.has_left:
            raise staff_refused("left")
        return found

    def _open(self, connection: Connection, rows: Sequence[Row[Any]]) -> list[StaffMember]:
        held: dict[str, list[str]] = {row.id: [] for row in rows}
        query = select(staff_posts).where(staff_posts.c.staff_id.in_(held))
        for row in connection.execute(query.order_by(staff_posts.c.post_id)):
            held[row.staff_id].append(row.post_id)
        return [
            StaffMember(
                id=row.id,
                department_id=row.department_id,
                number=row.number,
                name=self._protector.open_text(row.name, SEALED.place("name", row.id)),
                person_id=row.person_id,
                posts=tuple(held[row.id]),
                left_at=None if row.left_at is None else from_seconds(row.left_at),
            )
            for row in rows
        ]

    def _done(
        self,
        connection: Connection,
        event: str,
        staff_id: str,
        *,
        by: str | None,
        now: datetime | None,
        object_: str | None = None,
    ) -> StaffMember:
        (done,) = self._open(
            connection, [connection.execute(select(staff).where(staff.c.id == staff_id)).one()]
        )
        if self._audit is not None:
            self._audit.record(
                f"staff.{event}",
                actor=by,
                subject=staff_id,
                object_=object_ or done.department_id,
                now=now,
                connection=connection,
            )
        return done


def check_number(number: str) -> str:
    """Give a staff number in small letters, so that two do not differ by their capitals alone."""
    plain = number.strip()
    if len(plain) > MAX_NUMBER_CHARS or not _NUMBER.fullmatch(plain):
        raise staff_refused("number")
    return plain.lower()


def _check_name(name: str) -> str:
    try:
        return check_name(name)
    except AccountRefused:
        raise staff_refused("title") from None
