"""Why a client cannot be registered, in Chinese and English."""

from __future__ import annotations

from msb_identity.errors import ClientRefused

_SENTENCES = {
    "address-characters": (
        "地址过长或含有不允许的字符（包括 * 和片段 #）",
        "an address is too long or has characters it must not have (a * or a fragment among them)",
    ),
    "address-encoding": (
        "地址中的百分号编码不是唯一写法，或编码了点、斜杠",
        "an address has percent-encoding that is not in its one form, or of a point or a slash",
    ),
    "address-form": ("不是完整的网址", "not a whole address"),
    "address-user": ("地址中不得含用户名", "an address must not hold a user's name"),
    "address-scheme": (
        "地址须为 https；只有本机回环地址 127.0.0.1、[::1] 可用 http",
        "an address is https; http is for the loopback addresses 127.0.0.1 and [::1] alone",
    ),
    "address-host": (
        "主机须为小写、无默认端口的唯一写法",
        "the host must be in its one form: small letters, no default port",
    ),
    "address-path": (
        "路径须以 / 开头，不含 . 或 .. 或空段",
        "the path begins with a slash and has no . or .. or empty segment",
    ),
    "redirect-needed": (
        "使用授权码的客户端须登记回调地址",
        "a client that gets codes needs a redirect address",
    ),
    "refresh-without-code": (
        "刷新令牌只随授权码签发",
        "refresh tokens come with codes alone",
    ),
    "public-credentials": (
        "不能保密的客户端不得以自身名义登录",
        "a client that cannot keep a secret cannot sign in as itself",
    ),
    "keys-needed": (
        "private_key_jwt 须登记公钥集，其他方式不得登记",
        "private_key_jwt needs a set of public keys, and nothing else takes one",
    ),
    "keys": (
        "公钥集无法使用：只含签名公钥，每个有 kid，算法为 SM2、ES256、EdDSA 或 RS256",
        "the key set is to hold public keys alone, each with a kid, of a kind that signs here",
    ),
    "acr": (
        "认证等级不在等级表中，例如 urn:msb:aal:2",
        "acr is no level of the scale; one is written as urn:msb:aal:2",
    ),
    "token-key": (
        "令牌密钥环中没有这种密钥，请先用 key rotate --kind 添加",
        "the ring of token keys has no key of that kind: key rotate --kind adds one",
    ),
    "unknown": ("没有此客户端，或已停用", "there is no such client, or it was ended"),
    "secret-needed": (
        "该客户端还没有密钥，请用 --secret 生成",
        "the client has no secret yet: make one with --secret",
    ),
    "known": ("该客户端编号已登记过", "a client of this id is, or was, registered"),
}


def client_refused(code: str) -> ClientRefused:
    """Give the error for one rule that a registration breaks."""
    return ClientRefused(code, *_SENTENCES[code])


def fields_refused(names: str) -> ClientRefused:
    """Give the error for fields that are missing, unknown or of the wrong form."""
    return ClientRefused(
        "fields", f"登记内容有误：{names}", f"fields of the registration are wrong: {names}"
    )
