"""What the steps of an audit report say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_identity.foundation.report import ReportBuilder

if TYPE_CHECKING:
    from msb_identity.foundation.report import Sentences

STEPS = ("format", "signature-value", "chain", "checkpoint", "coverage")
_SENTENCES: Sentences = {
    ("format", "ok"): ("审计日志和检查点可读", "the log and its checkpoints are readable"),
    ("format", "no-log"): ("库中没有审计日志", "the store has no audit log"),
    ("format", "malformed"): ("检查点格式错误", "a checkpoint is malformed"),
    ("signature-value", "ok"): ("检查点签名有效", "the checkpoints' signatures hold"),
    ("signature-value", "no-checkpoint"): ("没有检查点", "there is no checkpoint"),
    ("signature-value", "no-key"): (
        "未给出检查点公钥，无法核验签名",
        "no key was given to verify the checkpoints with",
    ),
    ("signature-value", "unknown-key"): (
        "检查点不是所给密钥签名的",
        "a checkpoint is signed by a key that was not given",
    ),
    ("signature-value", "algorithm"): ("签名算法不符", "the algorithm is not the key's"),
    ("signature-value", "bad"): ("检查点签名无效", "a checkpoint's signature does not hold"),
    ("chain", "ok"): ("各链完整相连", "every chain hangs together"),
    ("chain", "changed"): ("记录被改动", "an entry was changed"),
    ("chain", "relinked"): (
        "记录被改动并重算了散列值，与后一条不再相连",
        "an entry was changed and hashed anew: the next one is chained to another",
    ),
    ("chain", "renumbered"): ("记录的序号被改动", "the number of an entry was changed"),
    ("chain", "personal-changed"): (
        "记录的个人信息密文被改动或删除",
        "the sealed personal part of an entry was changed or removed",
    ),
    ("chain", "missing"): ("记录缺失", "an entry is missing"),
    ("chain", "inserted"): ("插入了记录", "an entry was inserted"),
    ("chain", "reordered"): ("记录次序被调换", "an entry stands in another's place"),
    ("chain", "head-changed"): ("链尾标记被改动", "the mark of a chain's end was changed"),
    ("chain", "stray"): (
        "存在不属于任何链的记录",
        "there are entries that belong to no chain",
    ),
    ("chain", "more"): ("还有其他链出错", "more chains have faults"),
    ("checkpoint", "ok"): ("日志与检查点一致", "the log agrees with the checkpoints"),
    ("checkpoint", "none"): ("没有可用的检查点", "there is no checkpoint to compare with"),
    ("checkpoint", "unlinked"): (
        "检查点之间有缺：较新的没有提及较旧的",
        "checkpoints in between are not held: a newer one does not name the older",
    ),
    ("checkpoint", "other-log"): (
        "检查点属于另一个审计日志",
        "a checkpoint is of another log than this store's",
    ),
    ("checkpoint", "missing"): (
        "检查点证明存在过的记录缺失",
        "entries are missing that a checkpoint attests",
    ),
    ("checkpoint", "rewritten"): (
        "检查点之前的记录被整体改写",
        "entries were rewritten since a checkpoint attested them",
    ),
    ("checkpoint", "chain-broken"): (
        "链在检查点之前已断，无法与检查点比较",
        "a chain breaks before what a checkpoint attests, so the two cannot be compared",
    ),
    ("coverage", "ok"): ("检查点覆盖全部记录", "the checkpoints cover every entry"),
    ("coverage", "entries-after"): (
        "最后一个检查点之后的记录相连，但无法排除被能写库的人整体改写",
        "entries after the last checkpoint hang together, but could have been rewritten as a whole",
    ),
    ("coverage", "up-to"): (
        "只能保证到此检查点为止",
        "only what this checkpoint attests can be vouched for",
    ),
    ("coverage", "no-checkpoint"): (
        "库外没有保存检查点：无法排除整体改写",
        "no checkpoint is held outside the store: a log rewritten as a whole would look the same",
    ),
    ("coverage", "nothing-vouched"): (
        "没有一个检查点与日志相符",
        "no checkpoint agrees with the log: nothing can be vouched for",
    ),
}


def new_report() -> ReportBuilder:
    """Begin a report on an audit log."""
    return ReportBuilder("audit", required=STEPS, sentences=_SENTENCES)
