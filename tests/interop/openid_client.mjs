// openid-client, driven over stdin and stdout: a JSON object a line, each with what to do next.
// The part of the browser is played by the test, which also started the provider on loopback.
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import * as client from 'openid-client'
import { createRemoteJWKSet, importJWK, jwtVerify } from 'jose'

let config, checks, tokens, settings
const notices = []

const steps = {
  // Discovery, client authentication, and the algorithm that ID tokens must have.
  async discover(given) {
    settings = given
    const how = given.key
      ? client.PrivateKeyJwt({ key: await importJWK(given.key, given.key.alg), kid: given.key.kid })
      : client.ClientSecretBasic(given.secret)
    const metadata = { id_token_signed_response_alg: given.alg }
    config = await client.discovery(new URL(given.issuer), given.client_id, metadata, how, {
      execute: [client.allowInsecureRequests],
    })
    return { metadata: config.serverMetadata() }
  },

  async authorize() {
    const code_verifier = client.randomPKCECodeVerifier()
    checks = {
      pkceCodeVerifier: code_verifier,
      expectedState: client.randomState(),
      expectedNonce: client.randomNonce(),
      idTokenExpected: true,
      maxAge: 3600,
    }
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: settings.redirect_uri,
      scope: settings.scope,
      code_challenge: await client.calculatePKCECodeChallenge(code_verifier),
      code_challenge_method: 'S256',
      state: checks.expectedState,
      nonce: checks.expectedNonce,
      max_age: '3600',
    })
    return { url: url.href }
  },

  async callback({ url }) {
    tokens = await client.authorizationCodeGrant(config, new URL(url), checks)
    return { claims: tokens.claims(), token_type: tokens.token_type, scope: tokens.scope }
  },

  async userinfo() {
    return await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)
  },

  async introspect() {
    return await client.tokenIntrospection(config, tokens.access_token)
  },

  async refresh() {
    const before = tokens
    tokens = await client.refreshTokenGrant(config, before.refresh_token)
    return {
      rotated: tokens.refresh_token !== before.refresh_token,
      renewed: tokens.access_token !== before.access_token,
    }
  },

  async revoke() {
    await client.tokenRevocation(config, tokens.refresh_token)
    return {}
  },

  async logout({ back_to }) {
    const url = client.buildEndSessionUrl(config, {
      post_logout_redirect_uri: back_to,
      id_token_hint: tokens.id_token,
    })
    return { url: url.href }
  },

  // A receiver of back-channel notices, which checks them as section 2.6 says.
  async listen({ port }) {
    const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri))
    const server = createServer((request, response) => {
      let body = ''
      request.on('data', (part) => (body += part))
      request.on('end', async () => {
        try {
          const token = new URLSearchParams(body).get('logout_token')
          const expected = { issuer: settings.issuer, audience: settings.client_id }
          const read = await jwtVerify(token, keys, { ...expected, typ: 'logout+jwt' })
          notices.push({ claims: read.payload, header: read.protectedHeader })
          response.writeHead(200).end()
        } catch (error) {
          notices.push({ error: String(error) })
          response.writeHead(400).end()
        }
      })
    })
    await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve))
    server.unref()
    return {}
  },

  async notices() {
    return { notices }
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const { step, ...given } = JSON.parse(line)
  let answer
  try {
    answer = await steps[step](given)
  } catch (error) {
    answer = { failed: error.error ?? error.code ?? String(error), cause: String(error.cause ?? '') }
  }
  process.stdout.write(JSON.stringify(answer) + '\n')
}
process.exit(0)
