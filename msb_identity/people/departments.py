"""Departments (部门) as a tree, their posts (岗位), and the roles that both give.

A department gives a role to its own staff, or also to that of all departments below it (`below`).
A post gives its roles to whoever holds it. All changes of the tree follow each other, so that no
two moves make a ring together. A token that was made before a role was taken away keeps it until it
expires or is cut off: tokens live minutes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, literal, select, update

from msb_identity.foundation.text import is_showable
from msb_identity.people.records import check_page, new_id
from msb_identity.people.sentences import staff_refused
from msb_identity.people.tables import (
    MAX_ROLE_CHARS,
    MAX_TITLE_CHARS,
    department_roles,
    departments,
    post_roles,
    posts,
)

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Table

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.store import Store

MAX_DEPTH = 12
"""Departments from the top of a tree to its lowest, both counted."""
MAX_ROLES = 50
"""Of one department, or of one post."""
_ROLE = re.compile(r"[a-z0-9]+(?:[.:_-][a-z0-9]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Department:
    """A department; parent: the one above it, none at the top of a tree."""

    id: str
    name: str
    parent: str | None


@dataclass(frozen=True, slots=True)
class Post:
    """A post of a department."""

    id: str
    department_id: str
    name: str


class Departments:
    """The departments of one store."""

    def __init__(self, store: Store, *, audit: Audit | None = None) -> None:
        """Use a store opened with `people.tables.metadata`; audit: where to record."""
        self._store, self._audit = store, audit

    def add(
        self,
        name: str,
        *,
        parent: str | None = None,
        by: str | None = None,
        now: datetime | None = None,
    ) -> Department:
        """Add a department; StaffRefused: `title`, `no-department`, `too-deep`."""
        made = Department(new_id(), _check_title(name), parent)
        with self._store.write(locks=[tree_lock()]) as connection:
            if parent is not None:
                find_department(connection, parent)
                _check_depth(len(line_of(connection, parent)) + 1)
            row = {"id": made.id, "name": made.name, "parent": parent}
            connection.execute(insert(departments).values(row))
            self._record(
                connection, "department.added", made.id, by=by, now=now, parent=parent or ""
            )
        return made

    def get(self, department_id: str) -> Department | None:
        """Find a department."""
        with self._store.read() as connection:
            return _find(connection, department_id)

    def below(
        self, department_id: str | None = None, *, after: str = "", limit: int = 100
    ) -> list[Department]:
        """Give a page of the departments right below one, or of the tops of all trees."""
        check_page(limit)
        query = select(departments).where(
            departments.c.parent == department_id,  # IS NULL for None
            departments.c.id > after,
        )
        with self._store.read() as connection:
            rows = connection.execute(query.order_by(departments.c.id).limit(limit))
            return [Department(row.id, row.name, row.parent) for row in rows]

    def move(
        self,
        department_id: str,
        parent: str | None,
        *,
        by: str | None = None,
        now: datetime | None = None,
    ) -> Department:
        """Put a department, with all below it, under another, or make it the top of a tree.

        Raises StaffRefused: `no-department`, `ring`, `too-deep`.
        """
        with self._store.write(locks=[tree_lock()]) as connection:
            found = find_department(connection, department_id)
            if parent is not None:
                find_department(connection, parent)
                line = line_of(connection, parent)
                if department_id in line:
                    raise staff_refused("ring")
                _check_depth(len(line) + _height(connection, department_id))
            this = departments.c.id == department_id
            connection.execute(update(departments).where(this).values(parent=parent))
            self._record(
                connection, "department.moved", department_id, by=by, now=now, parent=parent or ""
            )
        return Department(found.id, found.name, parent)

    def add_post(
        self,
        department_id: str,
        name: str,
        *,
        by: str | None = None,
        now: datetime | None = None,
    ) -> Post:
        """Add a post to a department; StaffRefused: `title`, `no-department`."""
        made = Post(new_id(), department_id, _check_title(name))
        with self._store.write(locks=[tree_lock()]) as connection:
            find_department(connection, department_id)
            row = {"id": made.id, "department_id": department_id, "name": made.name}
            connection.execute(insert(posts).values(row))
            self._record(
                connection, "post.added", made.id, by=by, now=now, department=department_id
            )
        return made

    def posts_of(self, department_id: str, *, after: str = "", limit: int = 100) -> list[Post]:
        """Give a page of a department's posts."""
        check_page(limit)
        query = select(posts).where(posts.c.department_id == department_id, posts.c.id > after)
        with self._store.read() as connection:
            rows = connection.execute(query.order_by(posts.c.id).limit(limit))
            return [Post(row.id, row.department_id, row.name) for row in rows]

    def give_role(
        self,
        department_id: str,
        role: str,
        *,
        below: bool = False,
        by: str | None = None,
        now: datetime | None = None,
    ) -> None:
        """Give a role to a department's staff; below: to that of all departments below it too.

        Given again, the newer `below` holds. StaffRefused: `role`, `no-department`, `too-many`.
        """
        _check_role(role)
        with self._store.write(locks=[tree_lock()]) as connection:
            find_department(connection, department_id)
            key = {"department_id": department_id, "role": role}
            _replace(connection, department_roles, key, {"below": below})
            self._record(
                connection,
                "department.role-given",
                department_id,
                by=by,
                now=now,
                role=role,
                below=below,
            )

    def give_post_role(
        self, post_id: str, role: str, *, by: str | None = None, now: datetime | None = None
    ) -> None:
        """Give a role to whoever holds a post; StaffRefused: `role`, `no-post`, `too-many`."""
        _check_role(role)
        with self._store.write(locks=[tree_lock()]) as connection:
            if connection.scalar(select(posts.c.id).where(posts.c.id == post_id)) is None:
                raise staff_refused("no-post")
            _replace(connection, post_roles, {"post_id": post_id, "role": role}, {})
            self._record(connection, "post.role-given", post_id, by=by, now=now, role=role)

    def take_role(
        self, department_id: str, role: str, *, by: str | None = None, now: datetime | None = None
    ) -> None:
        """Take a role from a department; done twice, it gives the same."""
        self._take(department_roles, department_id, role, by=by, now=now)

    def take_post_role(
        self, post_id: str, role: str, *, by: str | None = None, now: datetime | None = None
    ) -> None:
        """Take a role from a post; done twice, it gives the same."""
        self._take(post_roles, post_id, role, by=by, now=now)

    def roles_given(self, department_id: str) -> dict[str, bool]:
        """Give the roles that a department itself gives, and whether also to those below."""
        query = select(department_roles).where(department_roles.c.department_id == department_id)
        with self._store.read() as connection:
            return {row.role: row.below for row in connection.execute(query)}

    def _take(
        self,
        table: Table,
        holder: str,
        role: str,
        *,
        by: str | None,
        now: datetime | None,
    ) -> None:
        key, of_role = table.primary_key.columns
        what = "post" if table is post_roles else "department"
        with self._store.write(locks=[tree_lock()]) as connection:
            connection.execute(table.delete().where(key == holder, of_role == role))
            self._record(connection, f"{what}.role-taken", holder, by=by, now=now, role=role)

    def _record(
        self,
        connection: Connection,
        event: str,
        object_: str,
        by: str | None,
        now: datetime | None,
        **details: object,
    ) -> None:
        if self._audit is not None:
            self._audit.record(
                event, actor=by, object_=object_, details=details, now=now, connection=connection
            )


def tree_lock() -> str:
    """Name the lock under which departments, posts, roles and staff change."""
    return "departments"


def find_department(connection: Connection, department_id: str) -> Department:
    """Give a department; StaffRefused (`no-department`)."""
    found = _find(connection, department_id)
    if found is None:
        raise staff_refused("no-department")
    return found


def line_of(connection: Connection, department_id: str) -> list[str]:
    """Give a department and all above it, lowest first; at most MAX_DEPTH, whatever is stored."""
    line: list[str] = []
    at: str | None = department_id
    while at is not None and len(line) < MAX_DEPTH:
        line.append(at)
        at = connection.scalar(select(departments.c.parent).where(departments.c.id == at))
    return line


def _height(connection: Connection, department_id: str) -> int:
    """Give how many departments stand one above the other from this one down."""
    tree = select(departments.c.id, literal(1).label("depth")).where(
        departments.c.id == department_id
    )
    down = tree.cte("down", recursive=True)
    step = select(departments.c.id, down.c.depth + 1).where(
        departments.c.parent == down.c.id, down.c.depth <= MAX_DEPTH
    )
    return connection.scalar(select(func.max(down.union_all(step).c.depth))) or 0


def _find(connection: Connection, department_id: str) -> Department | None:
    query = select(departments).where(departments.c.id == department_id)
    row = connection.execute(query).first()
    return None if row is None else Department(row.id, row.name, row.parent)


def _replace(
    connection: Connection, table: Table, key: dict[str, Any], values: dict[str, Any]
) -> None:
    """Write a row in place of the one with the same key."""
    holder, _ = table.primary_key.columns
    connection.execute(table.delete().where(*(table.c[name] == key[name] for name in key)))
    count = select(func.count()).select_from(table).where(holder == key[holder.name])
    if (connection.scalar(count) or 0) >= MAX_ROLES:
        raise staff_refused("too-many")
    connection.execute(insert(table).values(**key, **values))


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise staff_refused("too-deep")


def _check_title(name: str) -> str:
    stripped = name.strip()
    if not 0 < len(stripped) <= MAX_TITLE_CHARS or not is_showable(stripped):
        raise staff_refused("title")
    return stripped


def _check_role(role: str) -> None:
    if len(role) > MAX_ROLE_CHARS or not _ROLE.fullmatch(role):
        raise staff_refused("role")
