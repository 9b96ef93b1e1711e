"""扫码登录 / Scan sign-in, both sides: the page that shows a code, and the app that confirms it.

The app's side is a page, too, so that the example needs no telephone: open /scan in another browser
that is signed in, and put in what a telephone's camera would read.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import _pages as pages

from msb_identity.errors import SignInRefused
from msb_identity.signin.scan import PREFIX, ScanState
from msb_identity.sso.http import redirect
from msb_identity.web.cookies import drop_cookie, read_cookie, set_cookie
from msb_wallet.codes.qr import draw_svg

if TYPE_CHECKING:
    from collections.abc import Callable

    from _provider_site import Visit

    from msb_identity.signin.scan import ScanSignIn
    from msb_identity.sso.http import Parameters, WebResponse

# The browser's own secret, and what the page shows: number and code.
SECRET, SHOWN = "msb-scan", "msb-scan-shown"
AGAIN_SECONDS = 2
_DIGITS = 2
_OVER = {
    ScanState.REFUSED: ("手机上已拒绝登录", "It was refused on the telephone."),
    ScanState.EXPIRED: ("二维码已过期", "The code is too old."),
    ScanState.COLLECTED: ("二维码已使用", "The code was used."),
}


class ScanPages:
    """The pages of scan sign-in; `finish` sets the session's cookie and goes on."""

    def __init__(
        self,
        scans: ScanSignIn,
        *,
        mark: Callable[[Visit], str],
        finish: Callable[[str, str], WebResponse],
        show: Callable[..., WebResponse],
    ) -> None:
        """Take what knows the attempts, and what the site does for all its pages."""
        self._scans, self._mark, self._finish, self._show = scans, mark, finish, show

    def wait(self, visit: Visit, to: str, device: str) -> WebResponse:
        """Show the code till it is confirmed, then go on; the page asks again by itself."""
        secret = read_cookie(visit.request, SECRET)
        shown = read_cookie(visit.request, SHOWN)
        if secret is None or shown is None:
            return self._begin(visit, to, device)
        try:
            state = self._scans.poll(secret)
        except SignInRefused:  # asked again too soon: it is as it was
            state = ScanState.WAITING
        if state is ScanState.CONFIRMED:
            try:
                session = self._scans.collect(secret, address=visit.request.address)
            except SignInRefused:
                state = ScanState.EXPIRED
            else:
                return self._finish(session.secret, to)
        if state in _OVER:
            body = pages.notice(*_OVER[state])
            body += pages.link(f"/scan-in?{pages.query(to=to)}", "重新获取二维码", "A new code")
            gone = (drop_cookie(SECRET), drop_cookie(SHOWN))
            return self._show(("扫码登录", "Scan to sign in"), pages.card(body), headers=gone)
        return self._code(shown, to, scanned=state is ScanState.SCANNED)

    def _begin(self, visit: Visit, to: str, device: str) -> WebResponse:
        try:
            begun = self._scans.begin(address=visit.request.address, device=device)
        except SignInRefused as error:
            body = pages.card(pages.notice(error.zh, error.en))
            return self._show(("扫码登录", "Scan to sign in"), body, status=403)
        shown = f"{begun.number:0{_DIGITS}}{begun.code.removeprefix(PREFIX)}"
        headers = (
            set_cookie(SECRET, begun.secret, same_site="Strict"),
            set_cookie(SHOWN, shown, same_site="Strict"),
        )
        return self._code(shown, to, headers=headers)

    def _code(
        self,
        shown: str,
        to: str,
        *,
        scanned: bool = False,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> WebResponse:
        number, code = shown[:_DIGITS], PREFIX + shown[_DIGITS:]
        picture = b64encode(draw_svg(code)).decode()
        body = pages.heading("扫码登录", "Scan to sign in")
        body += (
            f'<div class="code"><img src="data:image/svg+xml;base64,{picture}"'
            f' alt="登录二维码 / code to scan"><p class="number">{number}</p></div>'
        )
        told = ("已扫描，请在手机上选择上面的数字", "Scanned: pick the number above on it.")
        first = ("请用已登录的手机扫描", "Scan it with a telephone that is signed in.")
        body += pages.say(*(told if scanned else first))
        back = f"/sign-in?{pages.query(to=to)}"
        body += pages.link(back, "其他方式", "Another way", quiet=True)
        return self._show(
            ("扫码登录", "Scan to sign in"),
            pages.card(body),
            headers=headers,
            again_seconds=AGAIN_SECONDS,
        )

    def app(self, visit: Visit) -> WebResponse:
        """Ask the app's owner for the code that the camera would read."""
        if visit.session is None:
            return redirect("/sign-in", {})
        content = pages.field("scanned", "二维码内容", "what the code says")
        content += pages.button("扫一扫", "Scan")
        body = pages.heading("扫一扫", "Scan")
        body += pages.form("/scan", content, {"mark": self._mark(visit)})
        return self._show(("扫一扫", "Scan"), pages.card(body))

    def scanned(self, visit: Visit, fields: Parameters) -> WebResponse:
        """Show whose page wants to be signed in, and ask for its number."""
        if visit.session is None:
            return redirect("/sign-in", {})
        code = fields.get("scanned", "")
        try:
            asked = self._scans.scan(code, visit.session)
        except SignInRefused as error:
            return self._show(("扫一扫", "Scan"), pages.card(pages.notice(error.zh, error.en)))
        body = pages.heading("登录确认", "Sign in over there?")
        body += pages.facts([("设备 / device", asked.device or "?"), ("地点 / place", asked.place)])
        body += pages.say(
            "请选择网页上显示的数字；不是您本人操作请拒绝。", "Pick its number, or refuse."
        )
        hidden = {"mark": self._mark(visit), "scanned": code}
        choices = "".join(
            pages.button(f"{number:0{_DIGITS}}", "", quiet=True, name="number", value=str(number))
            for number in asked.choices
        )
        refuse = pages.button("拒绝", "Refuse", name="number", value="")
        body += pages.form("/scan/answer", choices + refuse, hidden)
        return self._show(("登录确认", "Sign in over there?"), pages.card(body))

    def answered(self, visit: Visit, fields: Parameters) -> WebResponse:
        """Confirm with the number that was picked, or refuse."""
        if visit.session is None:
            return redirect("/sign-in", {})
        code, number = fields.get("scanned", ""), fields.get("number", "")
        try:
            if number.isascii() and number.isdigit() and len(number) <= _DIGITS:
                self._scans.confirm(code, visit.session, int(number))
                said = pages.notice("已确认登录", "Confirmed: the page is in.", good=True)
            else:
                self._scans.refuse(code, visit.session)
                said = pages.notice("已拒绝", "Refused.")
        except SignInRefused as error:
            said = pages.notice(error.zh, error.en)
        return self._show(("扫一扫", "Scan"), pages.card(said))
