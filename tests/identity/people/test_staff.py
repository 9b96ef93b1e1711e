"""Departments are a tree, and roles come from posts and departments alone."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from msb_identity.errors import StaffRefused
from msb_identity.people.departments import MAX_DEPTH, MAX_ROLES
from msb_identity.people.staff import MAX_POSTS
from msb_identity.sso.basis import Ended, cut_off_name
from msb_identity.sso.cutoffs import CutOffs
from msb_identity.sso.sessions import Sessions
from tests.identity.people.conftest import NOW, People

if TYPE_CHECKING:
    from collections.abc import Callable

    from msb_identity.people import StaffMember


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(StaffRefused) as refused:
        call()
    return refused.value.code


def officer(people: People, department_id: str, number: str = "ZW-001") -> StaffMember:
    return people.staff.register(
        number=number, name="王五", department_id=department_id, by="admin", now=NOW
    )


def is_cut(people: People, staff_id: str) -> bool:
    _, cut = CutOffs(people.store).live(now=NOW)
    return cut_off_name(Ended.SUBJECT, staff_id) in cut


def test_roles_come_down_only_where_a_department_says_so(people: People) -> None:
    city = people.departments.add("市政务服务局")
    hall = people.departments.add("大厅", parent=city.id)
    desk = people.departments.add("综合窗口", parent=hall.id)
    people.departments.give_role(city.id, "city.only")
    people.departments.give_role(city.id, "everywhere", below=True)
    people.departments.give_role(hall.id, "hall.only")
    people.departments.give_role(hall.id, "hall.below", below=True)
    people.departments.give_role(desk.id, "desk")
    post = people.departments.add_post(hall.id, "审核岗")
    people.departments.give_post_role(post.id, "licence.review")
    member = officer(people, desk.id)
    assert people.staff.roles_of(member.id) == ("desk", "everywhere", "hall.below")
    assert people.staff.give_post(member.id, post.id).posts == (post.id,)
    assert people.staff.give_post(member.id, post.id).posts == (post.id,)
    assert "licence.review" in people.staff.roles_of(member.id)
    assert people.staff.roles_of(officer(people, city.id, "2").id) == ("city.only", "everywhere")
    people.departments.give_role(city.id, "everywhere", below=False)
    people.departments.take_post_role(post.id, "licence.review")
    people.departments.take_role(hall.id, "hall.below")
    people.departments.take_role(hall.id, "hall.below")
    assert people.staff.roles_of(member.id) == ("desk",)
    assert people.departments.roles_given(city.id) == {"city.only": False, "everywhere": False}
    assert people.staff.roles_of("nobody") == ()


def test_a_department_moves_with_all_below_it_and_never_under_itself(people: People) -> None:
    one = people.departments.add("甲")
    two = people.departments.add("乙", parent=one.id)
    three = people.departments.add("丙", parent=two.id)
    for target in (one.id, two.id, three.id):
        assert code_of(lambda target=target: people.departments.move(one.id, target)) == "ring"  # type: ignore[misc]
    other = people.departments.add("丁")
    people.departments.give_role(other.id, "r", below=True)
    member = officer(people, three.id)
    assert people.departments.move(two.id, other.id).parent == other.id
    assert people.staff.roles_of(member.id) == ("r",)
    people.departments.move(two.id, None)
    assert {found.id for found in people.departments.below()} == {one.id, two.id, other.id}
    assert people.departments.below(two.id) == [three]
    assert people.departments.get(three.id) == three


def test_a_tree_has_a_greatest_depth_whichever_way_it_grows(people: People) -> None:
    top = bottom = people.departments.add("一级").id
    for _ in range(MAX_DEPTH - 1):
        bottom = people.departments.add("下级", parent=bottom).id
    assert code_of(lambda: people.departments.add("过深", parent=bottom)) == "too-deep"
    above = people.departments.add("上级").id
    assert code_of(lambda: people.departments.move(top, above)) == "too-deep"
    second = people.departments.below(top)[0].id
    assert people.departments.move(second, above).parent == above


def test_a_staff_number_is_given_once_for_ever(people: People) -> None:
    department = people.departments.add("窗口").id
    member = officer(people, department)
    assert people.staff.by_number("zw-001") == member == people.staff.get(member.id)
    people.staff.leave(member.id)
    assert code_of(lambda: officer(people, department, "ZW-001")) == "number-known"
    for number in ("", "工号1", "a b", "-1", "1" * 41, "１２"):
        assert code_of(lambda number=number: officer(people, department, number)) == "number"  # type: ignore[misc]
    assert people.staff.by_number("2") is None


def test_who_leaves_has_no_role_no_session_and_no_token(people: People) -> None:
    department = people.departments.add("窗口").id
    people.departments.give_role(department, "r")
    member = officer(people, department)
    sessions = Sessions(people.store)
    session = sessions.start(
        member.id, level=1, acr="urn:msb:aal:1", amr=("pwd",), device="", now=NOW
    )
    left = people.staff.leave(member.id, by="admin", now=NOW)
    assert left.left_at == NOW
    assert people.staff.leave(member.id, by="admin") == left
    assert people.staff.roles_of(member.id) == ()
    assert not sessions.is_live(session.sid, NOW)
    assert is_cut(people, member.id)
    for call in (
        lambda: people.staff.move(member.id, department),
        lambda: people.staff.give_post(member.id, "p"),
    ):
        assert code_of(call) == "left"
    assert [entry.object_ for entry in people.log("staff.left")] == [department]


def test_a_move_leaves_posts_behind_and_a_taken_post_ends_tokens(people: People) -> None:
    one, two = (people.departments.add(name).id for name in ("甲", "乙"))
    post = people.departments.add_post(one, "岗")
    people.departments.give_post_role(post.id, "r")
    first, second = officer(people, one, "1"), officer(people, one, "2")
    for member in (first, second):
        people.staff.give_post(member.id, post.id)
    moved = people.staff.move(first.id, two, now=NOW)
    assert (moved.department_id, moved.posts) == (two, ())
    assert people.staff.take_post(second.id, post.id, now=NOW).posts == ()
    assert code_of(lambda: people.staff.take_post(second.id, post.id)) == "no-post"
    assert is_cut(people, first.id)
    assert is_cut(people, second.id)


def test_what_is_not_there_or_no_name_is_refused(people: People) -> None:
    department = people.departments.add("窗口").id
    member = officer(people, department)
    departments, staff = people.departments, people.staff
    refusals: dict[str, list[Callable[[], object]]] = {
        "no-department": [
            lambda: departments.add("甲", parent="none"),
            lambda: departments.move("none", None),
            lambda: departments.add_post("none", "岗"),
            lambda: departments.give_role("none", "r"),
            lambda: officer(people, "none", "9"),
            lambda: staff.move(member.id, "none"),
        ],
        "no-post": [
            lambda: departments.give_post_role("none", "r"),
            lambda: staff.give_post(member.id, "none"),
        ],
        "no-staff": [lambda: staff.leave("none"), lambda: staff.move("none", department)],
        "role": [
            partial(departments.give_role, department, role) for role in ("", "R", "a b", "a" * 61)
        ],
        "title": [
            lambda: departments.add(""),
            lambda: departments.add("a" * 101),
            lambda: staff.register(number="9", name="\x00", department_id=department),
        ],
        "no-account": [
            lambda: staff.register(
                number="9", name="王五", department_id=department, person_id="none"
            )
        ],
    }
    for code, calls in refusals.items():
        for call in calls:
            assert code_of(call) == code
    assert "王五" not in repr(member)


def test_lists_go_by_key_and_have_caps(people: People) -> None:
    department = people.departments.add("窗口").id
    ids = sorted(officer(people, department, str(i)).id for i in range(3))
    assert [member.id for member in people.staff.page(department_id=department, limit=2)] == ids[:2]
    assert [member.id for member in people.staff.page(after=ids[1])] == ids[2:]
    posts = [people.departments.add_post(department, "岗").id for _ in range(MAX_POSTS + 1)]
    assert [post.id for post in people.departments.posts_of(department)] == sorted(posts)
    for post in posts[:-1]:
        people.staff.give_post(ids[0], post)
    assert code_of(lambda: people.staff.give_post(ids[0], posts[-1])) == "too-many"
    for i in range(MAX_ROLES):
        people.departments.give_role(department, f"r{i}")
    assert code_of(lambda: people.departments.give_role(department, "more")) == "too-many"
    people.departments.give_role(department, "r0", below=True)
