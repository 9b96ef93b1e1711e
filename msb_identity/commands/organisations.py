"""The commands `msb-identity firm|mandate|department|staff …`: who acts and works for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from msb_identity.commands.opened import add_page_arguments, read_toml
from msb_identity.commands.people import add_action, add_by
from msb_identity.foundation.commands import CommandError, parse_time
from msb_identity.foundation.protect import mask_name

if TYPE_CHECKING:
    import argparse

    from msb_identity.commands.opened import Opened
    from msb_identity.commands.people import Rows
    from msb_identity.people import (
        Department,
        Departments,
        Firm,
        Firms,
        Mandate,
        Mandates,
        Staff,
        StaffMember,
    )

_NONE = {
    "firm": ("没有此单位", "there is no such firm"),
    "mandate": ("没有该授权", "there is no such mandate"),
    "staff": ("没有此工作人员", "there is no such member of staff"),
}


class _StaffFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    number: str
    name: str
    department: str
    person: str | None = None


def add_commands(areas: Any) -> None:  # noqa: ANN401 - argparse's own type is private
    """Add the areas of firms, mandates, departments and staff to those of msb-identity."""
    _add_firms(_area(areas, "firm", "法人和其他组织 / firms and other organisations"))
    _add_mandates(_area(areas, "mandate", "授权 / mandates to act for a firm"))
    _add_departments(_area(areas, "department", "部门与角色 / departments and roles"))
    _add_staff(_area(areas, "staff", "工作人员 / staff of departments"))


def _area(areas: Any, name: str, text: str) -> Any:  # noqa: ANN401 - as above
    return areas.add_parser(name, help=text).add_subparsers(metavar="ACTION", required=True)


def _add_firms(actions: Any) -> None:  # noqa: ANN401 - as above
    add = add_action(actions, "add", _add_firm, "登记单位 / register a firm")
    add.add_argument("code", metavar="CODE", help="统一社会信用代码 / its credit code")
    add.add_argument("--name", required=True, metavar="NAME", help="名称 / its name")
    change = add_action(
        actions, "representative", _change_representative, "变更法定代表人 / another representative"
    )
    close = add_action(actions, "close", _close_firm, "注销单位 / close a firm")
    show = add_action(actions, "show", _show_firm, "查看单位 / show a firm")
    for parser in (change, close, show):
        parser.add_argument("firm", metavar="ID|CODE", help="单位 / the firm")
    for parser in (add, change):
        parser.add_argument(
            "--representative", metavar="ID", help="法定代表人的账号 / the account of who it is"
        )
        parser.add_argument("--method", required=True, metavar="CODE", help="核验方法 / how known")
        parser.add_argument("--source", default="", metavar="TEXT", help="来源 / who said it")
    for parser in (add, change, close):
        add_by(parser)
    add_page_arguments(add_action(actions, "list", _list_firms, "单位列表 / list firms"))


def _add_mandates(actions: Any) -> None:  # noqa: ANN401 - as above
    offer = add_action(actions, "offer", _offer, "提出授权 / offer a mandate")
    offer.add_argument("firm", metavar="ID|CODE", help="单位 / the firm")
    offer.add_argument("--agent", required=True, metavar="ID", help="经办人的账号 / the agent")
    offer.add_argument("--scope", required=True, metavar="NAME", nargs="+", help="事项 / for what")
    offer.add_argument("--from", dest="from_", metavar="TIME", type=parse_time, help="起 / from")
    offer.add_argument("--until", required=True, metavar="TIME", type=parse_time, help="止 / until")
    accept = add_action(actions, "accept", _accept, "接受授权 / accept a mandate")
    withdraw = add_action(actions, "withdraw", _withdraw, "终止授权，立即生效 / end one at once")
    show = add_action(actions, "show", _show_mandate, "查看授权 / show a mandate")
    for parser in (accept, withdraw, show):
        parser.add_argument("mandate", metavar="ID", help="授权编号 / the mandate's id")
    for parser in (offer, accept, withdraw):
        add_by(parser)
    listing = add_action(actions, "list", _list_mandates, "单位的授权 / the mandates of a firm")
    listing.add_argument("firm", metavar="ID|CODE", help="单位 / the firm")
    add_page_arguments(listing)


def _add_departments(actions: Any) -> None:  # noqa: ANN401 - as above
    add = add_action(actions, "add", _add_department, "新增部门 / add a department")
    add.add_argument("name", metavar="NAME", help="名称 / its name")
    move = add_action(actions, "move", _move_department, "移动部门 / move a department")
    role = add_action(actions, "role", _give_role, "给部门角色 / give a department a role")
    for parser in (move, role):
        parser.add_argument("department", metavar="ID", help="部门 / the department")
    for parser in (add, move):
        parser.add_argument("--parent", metavar="ID", help="上级部门 / the one above it")
    role.add_argument("role", metavar="ROLE", help="角色代码 / the role")
    role.add_argument("--below", action="store_true", help="含下级部门 / for all below it too")
    for parser in (add, move, role):
        add_by(parser)
    listing = add_action(actions, "list", _list_departments, "下级部门 / departments below one")
    listing.add_argument("--parent", metavar="ID", help="上级部门，缺省为顶级 / default: tops")
    add_page_arguments(listing)


def _add_staff(actions: Any) -> None:  # noqa: ANN401 - as above
    add = add_action(actions, "add", _add_member, "登记工作人员 / register a member of staff")
    add.add_argument("file", metavar="FILE|-", help="工号、姓名、部门（TOML）/ number, name, …")
    leave = add_action(actions, "leave", _leave, "离职，立即生效 / somebody leaves, at once")
    show = add_action(actions, "show", _show_member, "查看人员与角色 / show somebody and roles")
    for parser in (leave, show):
        parser.add_argument("staff", metavar="ID", help="人员标识 / the account's id")
    for parser in (add, leave):
        add_by(parser)
    listing = add_action(actions, "list", _list_staff, "人员列表 / list staff")
    listing.add_argument("--department", metavar="ID", help="只列此部门 / of this one only")
    add_page_arguments(listing)


def _firms(opened: Opened) -> Firms:
    from msb_identity.people import Accounts, Firms

    accounts = Accounts(opened.store, opened.protector, audit=opened.audit)
    return Firms(opened.store, accounts, audit=opened.audit)


def _mandates(opened: Opened) -> Mandates:
    from msb_identity.people import Accounts, Mandates

    accounts = Accounts(opened.store, opened.protector, audit=opened.audit)
    return Mandates(opened.store, accounts, audit=opened.audit)


def _departments(opened: Opened) -> Departments:
    from msb_identity.people import Departments

    return Departments(opened.store, audit=opened.audit)


def _staff(opened: Opened) -> Staff:
    from msb_identity.people import Staff

    return Staff(opened.store, opened.protector, audit=opened.audit)


def _firm(firms: Firms, name: str) -> Firm:
    """Find a firm by its id or its credit code; they differ in length."""
    found = firms.by_credit_code(name) if len(name) == 18 else firms.get(name)  # noqa: PLR2004
    if found is None:
        raise CommandError(*_NONE["firm"])
    return found


def _add_firm(opened: Opened, arguments: argparse.Namespace) -> Rows:
    firm = _firms(opened).register(
        credit_code=arguments.code,
        name=arguments.name,
        representative=arguments.representative,
        method=arguments.method,
        source=arguments.source,
        by=arguments.by,
    )
    return [_firm_row(firm)]


def _change_representative(opened: Opened, arguments: argparse.Namespace) -> Rows:
    firms = _firms(opened)
    firm = firms.change_representative(
        _firm(firms, arguments.firm).id,
        arguments.representative,
        method=arguments.method,
        source=arguments.source,
        by=arguments.by,
    )
    return [_firm_row(firm)]


def _close_firm(opened: Opened, arguments: argparse.Namespace) -> Rows:
    firms = _firms(opened)
    return [_firm_row(firms.close(_firm(firms, arguments.firm).id, by=arguments.by))]


def _show_firm(opened: Opened, arguments: argparse.Namespace) -> Rows:
    return [_firm_row(_firm(_firms(opened), arguments.firm))]


def _list_firms(opened: Opened, arguments: argparse.Namespace) -> Rows:
    found = _firms(opened).page(after=arguments.after, limit=arguments.limit)
    return [_firm_row(firm) for firm in found]


def _offer(opened: Opened, arguments: argparse.Namespace) -> Rows:
    given = _mandates(opened).offer(
        _firm(_firms(opened), arguments.firm).id,
        agent=arguments.agent,
        scope=arguments.scope,
        valid_from=arguments.from_,
        valid_until=arguments.until,
        by=arguments.by,
    )
    return [_mandate_row(given)]


def _accept(opened: Opened, arguments: argparse.Namespace) -> Rows:
    return [_mandate_row(_mandates(opened).accept(arguments.mandate, by=arguments.by))]


def _withdraw(opened: Opened, arguments: argparse.Namespace) -> Rows:
    return [_mandate_row(_mandates(opened).withdraw(arguments.mandate, by=arguments.by))]


def _show_mandate(opened: Opened, arguments: argparse.Namespace) -> Rows:
    found = _mandates(opened).find(arguments.mandate)
    if found is None:
        raise CommandError(*_NONE["mandate"])
    return [_mandate_row(found)]


def _list_mandates(opened: Opened, arguments: argparse.Namespace) -> Rows:
    firm = _firm(_firms(opened), arguments.firm)
    found = _mandates(opened).of_firm(firm.id, after=arguments.after, limit=arguments.limit)
    return [_mandate_row(mandate) for mandate in found]


def _add_department(opened: Opened, arguments: argparse.Namespace) -> Rows:
    departments = _departments(opened)
    made = departments.add(arguments.name, parent=arguments.parent, by=arguments.by)
    return [_department_row(made)]


def _move_department(opened: Opened, arguments: argparse.Namespace) -> Rows:
    departments = _departments(opened)
    moved = departments.move(arguments.department, arguments.parent, by=arguments.by)
    return [_department_row(moved)]


def _give_role(opened: Opened, arguments: argparse.Namespace) -> Rows:
    departments = _departments(opened)
    departments.give_role(
        arguments.department, arguments.role, below=arguments.below, by=arguments.by
    )
    given = departments.roles_given(arguments.department)
    return [{"role": role, "below": below} for role, below in sorted(given.items())]


def _list_departments(opened: Opened, arguments: argparse.Namespace) -> Rows:
    found = _departments(opened).below(
        arguments.parent, after=arguments.after, limit=arguments.limit
    )
    return [_department_row(department) for department in found]


def _add_member(opened: Opened, arguments: argparse.Namespace) -> Rows:
    given = read_toml(arguments.file, _StaffFile)
    member = _staff(opened).register(
        number=given.number,
        name=given.name,
        department_id=given.department,
        person_id=given.person,
        by=arguments.by,
    )
    return [_member_row(member)]


def _leave(opened: Opened, arguments: argparse.Namespace) -> Rows:
    return [_member_row(_staff(opened).leave(arguments.staff, by=arguments.by))]


def _show_member(opened: Opened, arguments: argparse.Namespace) -> Rows:
    staff = _staff(opened)
    member = staff.get(arguments.staff)
    if member is None:
        raise CommandError(*_NONE["staff"])
    return [{**_member_row(member), "roles": list(staff.roles_of(member.id))}]


def _list_staff(opened: Opened, arguments: argparse.Namespace) -> Rows:
    found = _staff(opened).page(
        department_id=arguments.department, after=arguments.after, limit=arguments.limit
    )
    return [_member_row(member) for member in found]


def _firm_row(firm: Firm) -> dict[str, Any]:
    closed = firm.closed_at
    return {
        "id": firm.id,
        "credit_code": firm.credit_code,
        "name": firm.name,
        "representative": firm.representative,
        "method": firm.method,
        "source": firm.source,
        "closed_at": None if closed is None else closed.isoformat(),
    }


def _mandate_row(mandate: Mandate) -> dict[str, Any]:
    times = ("valid_from", "valid_until", "accepted_at", "ended_at")
    moments = {name: getattr(mandate, name) for name in times}
    return {
        "id": mandate.id,
        "firm": mandate.firm_id,
        "agent": mandate.agent,
        "scope": list(mandate.scope),
        **{name: None if at is None else at.isoformat() for name, at in moments.items()},
        "end_reason": mandate.end_reason,
    }


def _department_row(department: Department) -> dict[str, Any]:
    return {"id": department.id, "name": department.name, "parent": department.parent}


def _member_row(member: StaffMember) -> dict[str, Any]:
    left = member.left_at
    return {
        "id": member.id,
        "number": member.number,
        "name": mask_name(member.name),
        "department": member.department_id,
        "person": member.person_id,
        "posts": list(member.posts),
        "left_at": None if left is None else left.isoformat(),
    }
