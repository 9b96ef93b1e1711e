"""Sign-in (登录): evidence becomes a session, within limits, and its owner sees it.

Authenticators: `passwords.Passwords`, `sms.SmsSignIn`, `certificates.CertificateSignIn` with
`challenge.answer_challenge` on the client, `scan.ScanSignIn`. They share a `desk.SignInDesk` and
find accounts through the directories of `subjects`. Services ask `stepup.require`; owners read
`history.SignInHistory`. Decisions: docs/decisions/sign-in.md.
"""
