"""The commands `msb-seal lifecycle …`: applications, acts, grants, filings, coverage, states.

Thin: each reads its arguments, calls one public function and prints what it says. Persons are named
by their ids (--by); two of them are needed where the table of states says so.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from msb_identity.foundation.audit import AuditReader
from msb_identity.foundation.clock import aware
from msb_identity.foundation.commands import complain, count_up_to, parse_days, parse_time
from msb_identity.foundation.protect import mask_name
from msb_seal.commands.codes import add_codes, grant_row, print_rows
from msb_seal.commands.inputs import (
    add_key_arguments,
    add_timestamp_argument,
    days_after,
    read_certificate,
    read_key,
    timestamps_of,
    write_new,
)
from msb_seal.commands.kept import (
    KeptFolder,
    add_store_arguments,
    check_kept,
    open_folder,
    read_application,
)
from msb_seal.errors import LifecycleRefused
from msb_seal.lifecycle import Act, LifeState, SealMaker, SealRecord, Unit
from msb_seal.lifecycle.codes import ACTS_WITH_REASON
from msb_seal.lifecycle.coverage import Standing, coverage_pages
from msb_seal.lifecycle.records import DamagedRecord, list_records
from msb_seal.seals.model import SealVersion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msb_identity.foundation.commands import CommandParser
    from msb_seal.lifecycle.coverage import Coverage

_Actions: TypeAlias = "argparse._SubParsersAction[CommandParser]"  # noqa: SLF001 - its one name
_Rows: TypeAlias = "Sequence[dict[str, Any]]"
_Command: TypeAlias = Callable[[KeptFolder, argparse.Namespace], _Rows]
_MAX_USES, _MAX_ROWS = 10**9, 1_000
_ACTS = {
    Act.WITHDRAW: "撤回申请 / withdraw an application",
    Act.REFUSE: "不予批准 / refuse an application",
    Act.APPROVE: "批准（不能是申请人） / approve it; not by who applied",
    Act.ISSUE: "启用 / issue a made seal",
    Act.FREEZE: "停用 / freeze",
    Act.LOSE: "挂失，立即停用 / report it lost: it is frozen at once",
    Act.THAW: "恢复（不能是停用人） / thaw; not by who froze it",
    Act.ASK_CANCEL: "申请注销 / ask for its cancellation",
    Act.CANCEL: "确认注销（不能是申请人） / confirm that; not by who asked",
    Act.ASK_VOID: "申请宣告无效 / ask for it to be declared void",
    Act.VOID: "确认无效（不能是申请人） / confirm that; not by who asked",
    Act.KEEP: "撤销上述申请 / drop what was asked for",
}
_REASON_HELP = "原因，见 codes / why: see codes"
_STANDINGS = {
    Standing.HAS: "已有",
    Standing.ENDING: "即将到期",
    Standing.FROZEN: "停用",
    Standing.LAPSED: "已过期",
    Standing.DAMAGED: "记录损坏",
    Standing.LACKS: "缺",
}


def add_commands(commands: _Actions) -> None:
    """Add `lifecycle` to the commands of msb-seal."""
    area = commands.add_parser("lifecycle", help="印章生命周期 / the life of seals")
    actions = area.add_subparsers(metavar="ACTION", required=True)
    _add_units(actions)
    apply = _add(actions, "apply", _apply, "申请印章 / apply for a seal")
    apply.add_argument("file", metavar="FILE", type=Path, help="申请（TOML）/ the application")
    _add_by(apply)
    for act, text in _ACTS.items():
        parser = _add(actions, str(act), _change, text)
        parser.add_argument("record", help="印章记录 / the seal's record")
        _add_by(parser)
        parser.set_defaults(act=act, reason="")
        if act in ACTS_WITH_REASON:
            parser.add_argument("--reason", required=True, metavar="REASON", help=_REASON_HELP)
    _add_make(actions)
    _add_grants(actions)
    _add_reading(actions)


def _add_units(actions: _Actions) -> None:
    text = "登记单位 / register a unit"
    add = _add(actions, "unit-add", _add_unit, text, may_make=True)
    add.add_argument("unit", metavar="CODE", help="统一社会信用代码 / its credit code")
    add.add_argument("--name", required=True, metavar="NAME", help="名称 / its name")
    add.add_argument("--region", required=True, metavar="NNNNNN", help="行政区划代码 / GB/T 2260")
    close = _add(actions, "unit-close", _close_unit, "单位撤销 / close a unit")
    close.add_argument("unit", metavar="CODE", help="统一社会信用代码 / its credit code")
    for parser in (add, close):
        _add_by(parser)


def _add_make(actions: _Actions) -> None:
    make = _add(actions, "make", _make, "制作已批准的印章 / make an approved seal")
    make.add_argument("record", help="印章记录 / the seal's record")
    _add_by(make)
    add_key_arguments(make, whose="maker")
    versions = [one.value for one in SealVersion]
    make.add_argument("--version", type=int, choices=versions, default=4, help="版本 / version")
    make.add_argument("--by-digest", action="store_true", help="列表只含摘要 / list digests")
    add_timestamp_argument(make)
    make.add_argument("--out", metavar="FILE", type=Path, help="另存印章 / write the seal here too")


def _add_grants(actions: _Actions) -> None:
    grant = _add(actions, "grant", _grant, "授权用印 / let a user use a seal")
    grant.add_argument("record", help="印章记录 / the seal's record")
    grant.add_argument("--user", required=True, metavar="ID", help="用户标识 / the user's id")
    grant.add_argument(
        "--purpose", required=True, metavar="NAME", help="目的，见 codes / what for: see codes"
    )
    grant.add_argument(
        "--uses", metavar="N", type=count_up_to(_MAX_USES), help="次数，缺省不限 / how often"
    )
    grant.add_argument("--from", dest="from_", metavar="TIME", type=parse_time, help="起始 / from")
    grant.add_argument(
        "--days", required=True, metavar="N", type=parse_days, help="天数 / for N days"
    )
    withdraw = _add(actions, "withdraw-grant", _withdraw_grant, "撤回授权 / withdraw a grant")
    withdraw.add_argument("grant", metavar="GRANT", help="授权编号 / the grant's id")
    recover = _add(actions, "recover", _recover, "收回过期预留 / give back expired reservations")
    recover.set_defaults(by="")
    for parser in (grant, withdraw):
        _add_by(parser)


def _add_reading(actions: _Actions) -> None:
    listing = _add(actions, "list", _list, "印章列表 / list seals")
    listing.add_argument("--unit", metavar="CODE", help="只列此单位 / of this unit only")
    states = [str(state) for state in LifeState]
    listing.add_argument("--state", choices=states, help="只列此状态 / in this state only")
    listing.add_argument("--after", metavar="RECORD", default="", help="从此之后 / after this one")
    listing.add_argument(
        "--limit", metavar="N", type=count_up_to(_MAX_ROWS), default=100, help="行数 / rows"
    )
    show = _add(actions, "show", _show, "印章、授权与经过 / a seal, its grants and its history")
    show.add_argument("record", help="印章记录 / the seal's record")
    coverage = _add(actions, "coverage", _coverage, "应发尽发 / who has, lacks or let lapse")
    coverage.add_argument("--all", action="store_true", help="也列已有的 / units that have one too")
    add_codes(actions)
    filings = _add(actions, "filings", _filings, "待备案事项 / what is to be filed")
    filings.add_argument(
        "--limit", metavar="N", type=count_up_to(_MAX_ROWS), default=100, help="行数 / rows"
    )
    filed = _add(actions, "filed", _filed, "记录备案回执 / note that it was filed")
    filed.add_argument("record", help="印章记录 / the seal's record")
    filed.add_argument("epoch", type=int, metavar="N", help="状态序号 / the epoch of the change")
    filed.add_argument("--receipt", required=True, metavar="TEXT", help="回执 / the receipt")
    publish = _add(actions, "publish", _publish, "发布状态清单 / sign and publish all states")
    publish.add_argument("--name", required=True, metavar="NAME", help="清单名称 / the list's name")
    publish.add_argument("--key", required=True, metavar="FILE|-", help="签名私钥 / who signs it")
    publish.add_argument("--password-file", metavar="FILE|-", help="口令文件 / its password")
    publish.add_argument("--out", required=True, metavar="DIR", type=Path, help="目录 / folder")
    publish.add_argument(
        "--days", metavar="N", type=parse_days, default=timedelta(days=1), help="有效期"
    )
    for parser in (filed, publish):
        _add_by(parser)


def _add(
    actions: _Actions, name: str, command: _Command, text: str, *, may_make: bool = False
) -> CommandParser:
    """Add one action: it opens the folder, calls the command and prints the rows it gives.

    may_make: whether a data folder that is not there is made; a wrong name is told otherwise.
    """

    def run(arguments: argparse.Namespace) -> int:
        if not may_make:
            check_kept(arguments)
        with open_folder(arguments) as folder:
            rows = command(folder, arguments)
        print_rows(rows, as_json=arguments.json)
        return 0

    parser = actions.add_parser(name, help=text, description=text)
    add_store_arguments(parser)
    parser.add_argument("--json", action="store_true", help="输出 JSON / print JSON")
    parser.set_defaults(command=run)
    return parser


def _add_by(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--by",
        required=True,
        metavar="ID",
        help="办理人标识，不是姓名 / the id, not the name, of who does it",
    )


def _add_unit(folder: KeptFolder, arguments: argparse.Namespace) -> _Rows:
    unit = Unit(arguments.unit, arguments.name, arguments.region)
    folder.registry.units.register(unit, by=arguments.by)
    return [{"unit": unit.code, "name": unit.name, "region": unit.region}]


def _close_unit(folder: KeptFolder, arguments: argparse.Namespace) -> _Rows:
    folder.registry.units.close(arguments.unit, by=arguments.by)
    return [{"unit": arguments.unit, "closed": True}]


def _apply(folder: KeptFolder, arguments: argparse.Namespace) -> _Rows:
    application = read_application(arguments.file)
    return [_record(folder, folder.registry.apply(application, by=arguments.by))]


def _change(folder: KeptFolder, arguments: argparse.Namespace) -> _Rows:
    record = folder.registry.change(
        arguments.record, arguments.act, by=arguments.by, reason=arguments.reason
    )
    return [_record(folder, record)]


def _make(folder: KeptFolder, arguments: argparse.Namespace) -> _Rows:
    maker = SealMaker(
        read_certificate(arguments.maker_cert),
        read_key(arguments.maker_key, arguments.password_file),
        version=SealVersion(arguments.version),
        by_digest=arguments.by_digest,
        timestamps=timestamps_of(arguments),
    )
    seal = folder.registry.make(arguments.record, maker, by=arguments.by)
    if arguments.out is not None:
        write_new(arguments.out, seal.encoded)
    return [_record(folder, folder.registry.get(arguments.record))]


def _grant(folder: KeptFolder, arguments: argparse.Namespace) -> _Rows:
    start = arguments.from_ or aware(None)
    grant = folder.registry.grants.give(
        arguments.record,
        user=arguments.user,
        purpose=arguments.purpose,
        valid_from=start,
        valid_until=days_after(start, arguments.days),
        max_uses=arguments.uses,
        by=arguments.by,
    )
    return [grant_row(grant)]


def _withdraw_grant(folder: KeptFolder, arguments: argparse.Namespace) -> _Rows:
    folder.registry.grants.withdraw(arguments.grant, by=arguments.by)
    return [{"grant": arguments.grant, "withdrawn": True}]


def _recover(folder: KeptFolder, _arguments: argparse.Namespace) -> _Rows:
    return [{"given back": folder.registry.reservations.recover(now=aware(None))}]


def _list(folder: KeptFolder, arguments: argparse.Namespace) -> _Rows:
    state = None if arguments.state is None else LifeState(arguments.state)
    found = list_records(
        folder.store,
        unit_code=arguments.unit,
        state=state,
        after=arguments.after,
        limit=arguments.limit,
    )
    return [_listed(folder, record) for record in found]


def _listed(folder: KeptFolder, record: SealRecord | DamagedRecord) -> dict[str, Any]:
    """Give a row of the list; one that is damaged holds up no other."""
    with suppress(LifecycleRefused):
        if isinstance(record, SealRecord):
            return _record(folder, record)
    complain(f"{record.record}：库中的记录已损坏", f"{record.record}: the record is damaged")
    return {"record": record.record, "unit": record.unit_code, "damaged": True}


def _show(folder: KeptFolder, arguments: argparse.Namespace) -> _Rows:
    record, body = folder.registry.get(arguments.record), folder.registry.body(arguments.record)
    applicant = mask_name(body.applicant_name(folder.protector, record.record))
    shown = {
        **_record(folder, record),
        "applicant": applicant,
        "picture": f"{body.picture.type} {body.picture.width_mm} × {body.picture.height_mm} mm",
        "signers": [signer.fingerprint for signer in body.signers],
        "renews": record.renews,
        "asked_end": None if record.asked_end is None else str(record.asked_end),
    }
    grants = [grant_row(grant) for grant in folder.registry.grants.of(record.record)]
    reader = AuditReader(folder.store, folder.protector)
    history = [
        {"time": entry.time.isoformat(), "event": entry.event, "outcome": entry.outcome}
        for entry in reader.entries(object_=record.record, limit=_MAX_ROWS).entries
    ]
    return [shown, *grants, *history]


def _coverage(folder: KeptFolder, arguments: argparse.Namespace) -> _Rows:
    counts: Counter[tuple[int, Standing]] = Counter()
    shown = []
    types = folder.registry.codes.required_types
    for row in coverage_pages(folder.store, folder.registry.units, types):
        counts[row.type, row.standing] += 1
        if arguments.all or row.standing is not Standing.HAS:
            shown.append(_coverage_row(row))
    for (type_, standing), count in sorted(counts.items()):
        name = folder.registry.codes.types[str(type_)].zh
        complain(f"{name}：{_STANDINGS[standing]} {count}", f"type {type_}: {standing} {count}")
    return shown


def _filings(folder: KeptFolder, arguments: argparse.Namespace) -> _Rows:
    due = folder.registry.filings.due(limit=arguments.limit)
    return [
        {"record": one.record, "epoch": one.epoch, "content": json.loads(one.content)}
        for one in due
    ]


def _filed(folder: KeptFolder, arguments: argparse.Namespace) -> _Rows:
    filings = folder.registry.filings
    filings.note(arguments.record, arguments.epoch, arguments.receipt, by=arguments.by)
    return [{"record": arguments.record, "epoch": arguments.epoch, "receipt": arguments.receipt}]


def _publish(folder: KeptFolder, arguments: argparse.Namespace) -> _Rows:
    key = read_key(arguments.key, arguments.password_file)
    written = folder.registry.lists.publish(
        arguments.out, name=arguments.name, key=key, lifetime=arguments.days, by=arguments.by
    )
    return [{"file": str(path)} for path in written]


def _record(folder: KeptFolder, record: SealRecord) -> dict[str, Any]:
    state, name = folder.registry.codes.state(record.state), record.open_name(folder.protector)
    return {
        "record": record.record,
        "unit": record.unit_code,
        "name": name if record.sealed_name is None else mask_name(name),
        "type": record.type,
        "state": str(record.state),
        "zh": state.zh,
        "reason": record.reason,
        "since": record.since.isoformat(),
        "lapsed": record.has_lapsed(),
        "seal_code": record.seal_code,
        "fingerprint": record.fingerprint,
        "until": record.valid_until.isoformat(),
    }


def _coverage_row(row: Coverage) -> dict[str, Any]:
    return {
        "unit": row.unit.code,
        "name": row.unit.name,
        "type": row.type,
        "standing": str(row.standing),
        "zh": _STANDINGS[row.standing],
        "record": row.record,
        "until": None if row.until is None else row.until.isoformat(),
        "under way": row.is_under_way,
    }
