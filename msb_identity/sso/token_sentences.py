"""What a report on a token says, for each step and code, in Chinese and English."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from msb_identity.foundation.report import Sentences

SENTENCES: Sentences = {
    ("format", "ok"): ("令牌格式正确", "the token is well formed"),
    ("format", "malformed"): ("不是格式正确的令牌", "this is not a well-formed token"),
    ("format", "embedded-key"): (
        "令牌自带密钥，不予采用",
        "the token brings a key of its own, which is never used",
    ),
    ("format", "claims"): (
        "令牌内容缺少必需项或类型不符",
        "claims of the token are missing or of the wrong type",
    ),
    ("algorithm", "ok"): ("签名算法可接受", "the signature algorithm is one we accept"),
    ("algorithm", "unknown-algorithm"): (
        "签名算法不可接受",
        "the signature algorithm is not one we accept",
    ),
    ("algorithm", "not-the-keys-algorithm"): (
        "声明的签名算法与密钥不符",
        "the algorithm named is not the key's own",
    ),
    ("key", "ok"): ("签名密钥属于签发方", "the signing key is one of the issuer's"),
    ("key", "unknown-key"): (
        "签名密钥不在签发方的密钥集中",
        "the signing key is not in the issuer's key set",
    ),
    ("key", "keys-unavailable"): (
        "暂时无法取得签发方的公钥",
        "the issuer's keys cannot be had at the moment",
    ),
    ("key", "no-key-id"): ("令牌未指明签名密钥", "the token does not name its key"),
    ("signature-value", "ok"): ("签名有效", "the signature is good"),
    ("signature-value", "bad-signature"): (
        "签名无效，内容可能被改动",
        "the signature is wrong: the content may have been changed",
    ),
    ("type", "ok"): ("是访问令牌", "it is an access token"),
    ("type", "not-an-access-token"): ("不是访问令牌", "it is not an access token"),
    ("issuer", "ok"): ("签发方符合", "the issuer is the expected one"),
    ("issuer", "other-issuer"): ("由其他签发方签发", "it names another issuer"),
    ("audience", "ok"): ("是发给本系统的", "it is meant for this system"),
    ("audience", "other-audience"): ("不是发给本系统的", "it is meant for another system"),
    ("validity", "ok"): ("在有效期内", "it is within its period"),
    ("validity", "never-valid"): (
        "有效期起止颠倒",
        "it expires no later than it was issued",
    ),
    ("validity", "expired"): ("令牌已过期", "the token has expired"),
    ("validity", "issued-in-future"): (
        "签发时间晚于当前时间",
        "it was issued in the future",
    ),
    ("validity", "not-yet-valid"): ("令牌尚未生效", "the token is not yet valid"),
    ("validity", "lives-too-long"): (
        "令牌有效期超过允许的最长时间",
        "the token lives longer than any token may",
    ),
    ("session", "ok"): ("登录会话仍然有效", "the session is still live"),
    ("session", "no-session-source"): (
        "未配置会话来源，不检查是否已退出登录",
        "no source of sessions was given, so signing out is not checked",
    ),
    ("session", "session-source-failed"): (
        "无法查询登录会话",
        "the source of sessions could not be asked",
    ),
    ("session", "ended"): (
        "登录、授权或应用的访问已被终止",
        "the sign-in, the mandate, or the access of person or client was ended",
    ),
    ("session", "unknown-session"): (
        "登录会话不存在或属于他人",
        "there is no such session of this subject",
    ),
    ("session", "session-ended"): ("登录会话已结束", "the session has ended"),
    ("type", "not-an-id-token"): ("不是身份令牌", "it is not an ID token"),
    ("type", "not-a-logout-token"): ("不是退出登录通知", "it is not a logout token"),
    ("audience", "other-party"): (
        "是签发给其他应用的",
        "it was given to another client",
    ),
    ("nonce", "ok"): ("属于本次登录请求", "it belongs to this request"),
    ("nonce", "none-was-sent"): ("本次请求未带随机数", "the request carried no nonce"),
    ("nonce", "other-nonce"): (
        "不属于本次登录请求",
        "it does not belong to this request",
    ),
    ("hashes", "ok"): ("与同时收到的令牌相符", "it belongs to what came with it"),
    ("hashes", "nothing-to-compare"): ("没有可比对的摘要", "there is no hash to compare"),
    ("hashes", "other-hash"): (
        "与同时收到的令牌不符",
        "it does not belong to what came with it",
    ),
    ("authentication", "ok"): ("登录时间符合要求", "the sign-in is recent enough"),
    ("authentication", "no-age-was-asked"): (
        "未要求登录时间",
        "no age of the sign-in was asked for",
    ),
    ("authentication", "no-time"): ("未说明登录时间", "it does not say when the sign-in was"),
    ("authentication", "too-long-ago"): ("登录时间过早", "the sign-in was too long ago"),
    ("event", "ok"): ("是退出登录事件", "it tells of a logout"),
    ("event", "no-logout-event"): ("不含退出登录事件", "it tells of no logout"),
    ("replay", "ok"): ("首次收到", "it was not seen before"),
    ("replay", "seen-before"): ("已处理过", "it was acted upon before"),
}
