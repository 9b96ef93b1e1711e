"""The words for every step and code of a scan, in Chinese and English.

Stable codes: docs/formats.md, "report". A code that a checker can do something about says what.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from msb_identity.foundation.report import Sentences

SENTENCES: Final[Sentences] = {
    ("format", "ok"): ("码的格式正确", "the code is well-formed"),
    ("format", "not-ours"): ("不是电子证照码", "this is not a licence code"),
    ("format", "unsupported"): (
        "此版本尚不支持该码",
        "a newer kind of code than this version reads",
    ),
    ("format", "malformed"): (
        "码已损坏或被截断，请重新出示",
        "the code is damaged or cut short: show it again",
    ),
    ("format", "picture-too-large"): (
        "图片过大，请裁剪后重试",
        "the picture is too large: crop it and try again",
    ),
    ("format", "picture-unreadable"): (
        "图片无法读取（可读PNG、JPEG、WebP、BMP、GIF）",
        "the picture cannot be read (PNG, JPEG, WebP, BMP and GIF can)",
    ),
    ("format", "no-code"): ("图片中没有二维码", "there is no QR code in the picture"),
    ("format", "several-codes"): (
        "图片中有多个二维码，请只对准一个",
        "the picture has several codes: show one alone",
    ),
    ("trust-list", "ok"): ("信任清单有效", "the trust list is good"),
    ("trust-list", "expired"): ("信任清单已过期，请更新", "the trust list has expired: update it"),
    ("trust-list", "rolled-back"): (
        "信任清单比曾用过的旧",
        "the trust list is older than one already seen",
    ),
    ("trust-list", "two-of-one-version"): (
        "同一版本的信任清单内容不同",
        "two different trust lists of one version",
    ),
    ("trust-list", "from-future"): (
        "信任清单的签发时间在将来，请校准时钟",
        "the trust list is from the future: set the clock",
    ),
    ("trust-list", "unreadable"): (
        "信任清单无法核验",
        "the trust list cannot be read or its signature does not hold",
    ),
    ("issuer", "ok"): ("颁发机构在信任清单中", "the issuer is in the trust list"),
    ("issuer", "unknown"): ("颁发机构不在信任清单中", "the issuer is not in the trust list"),
    ("issuer", "unknown-key"): (
        "签发密钥不在信任清单中",
        "the issuer's key is not in the trust list",
    ),
    ("authority", "ok"): ("颁发机构有权签发此类证照", "the issuer may issue this type of licence"),
    ("authority", "not-authorised"): (
        "颁发机构无权签发此类证照",
        "the issuer may not issue this type of licence",
    ),
    ("authority", "other-issuer"): (
        "证照标识属于另一颁发机构",
        "the identifier names another issuer than the signer",
    ),
    ("authority", "foreign-list"): (
        "证照指向的状态列表不属于颁发机构",
        "the licence names a status list that is not its issuer's",
    ),
    ("signature-value", "ok"): ("签名有效", "the issuer's signature holds"),
    ("signature-value", "bad"): (
        "签名无效，内容被改动或伪造",
        "the signature does not hold: changed or forged",
    ),
    ("signature-value", "algorithm"): (
        "签名算法与密钥不符",
        "the named algorithm is not the key's own",
    ),
    ("validity", "ok"): ("在有效期内", "within its time"),
    ("validity", "expired"): ("证照已过有效期", "the licence has expired"),
    ("validity", "not-yet-valid"): ("证照尚未生效", "the licence is not valid yet"),
    ("validity", "issued-in-future"): (
        "证照签发时间在将来，请校准时钟",
        "the licence is signed in the future: check the clock",
    ),
    ("validity", "too-old"): (
        "码已超过60秒，请刷新后重新出示",
        "the code is older than 60 seconds: show a fresh one",
    ),
    ("validity", "from-future"): (
        "码的出示时间在将来，请校准时钟",
        "the code is from the future: check both clocks",
    ),
    ("holder-proof", "ok"): ("由持证主体的设备出示", "shown by the holder's own device"),
    ("holder-proof", "online"): (
        "持证主体登录后由平台出示",
        "shown by the platform after the holder signed in",
    ),
    ("holder-proof", "printed"): (
        "静态码只证明证照真实，不证明出示者是持证人，请核对本人",
        "a printed code proves the licence, not the presenter: compare the person",
    ),
    ("holder-proof", "holder-required"): (
        "此处须由本人出示动态码",
        "this window needs a code shown by the holder",
    ),
    ("holder-proof", "missing"): ("缺少持证主体的证明", "the holder's proof is missing"),
    ("holder-proof", "wrong-key"): (
        "持证主体的证明不属于此证照",
        "the holder's proof does not belong to this licence",
    ),
    ("holder-proof", "record-changed"): (
        "平台关于此码的记录被改动",
        "the platform's record of this code was changed",
    ),
    ("holder-proof", "no-holder-key"): (
        "此证照未绑定设备，不能离线出示",
        "the licence is bound to no device and cannot be shown offline",
    ),
    ("audience", "ok"): ("码指定由本窗口核验", "the code is meant for this window"),
    ("audience", "not-asked"): ("未指定核验窗口", "the code is meant for any window"),
    ("audience", "for-another"): ("码不是出示给本窗口的", "the code is meant for another window"),
    ("audience", "for-no-one"): (
        "码未指定本窗口",
        "the code does not name this window, which requires it",
    ),
    ("replay", "ok"): ("首次使用", "used for the first time"),
    ("replay", "static"): ("静态码可多次核验", "a printed code may be checked many times"),
    ("replay", "used"): ("码已被使用过，请重新出示", "the code was used before: show a fresh one"),
    ("replay", "unknown-code"): ("平台没有出示过此码", "the platform never showed this code"),
    ("replay", "needs-store"): ("此码只能联网核验", "this code can only be checked online"),
    ("replay", "no-memory"): (
        "无法记录已使用的码，请重试",
        "what was used before cannot be looked up or kept: try again",
    ),
    ("status", "ok"): ("证照状态正常", "the licence is in force"),
    ("status", "revoked"): ("证照已注销或撤销", "the licence has been revoked"),
    ("status", "suspended"): ("证照已暂扣", "the licence is suspended"),
    ("status", "missing"): ("查不到证照状态", "the licence's status is not to be had"),
    ("status", "stale"): ("状态列表已过期，请更新", "the status list is out of date: update it"),
    ("status", "from-future"): (
        "状态列表的签发时间在将来，请校准时钟",
        "the status list is from the future: check the clock",
    ),
    ("status", "unreadable"): ("状态列表损坏", "the status list is damaged"),
    ("status", "bad-signature"): ("状态列表签名无效", "the status list's signature does not hold"),
    ("status", "unknown-signer"): (
        "状态列表的签发者不在信任清单中",
        "nobody in the trust list signed the status list",
    ),
    ("status", "other-issuer"): (
        "状态列表由另一机构签发",
        "the status list is of another issuer",
    ),
    ("status", "other-list"): (
        "状态列表不是此证照的",
        "the status list is not the one the licence names",
    ),
    ("status", "no-store"): ("状态库暂时无法查询", "the store cannot be asked now"),
}
