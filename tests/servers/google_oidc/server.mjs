// A stand-in for Google's sign-in: a real OpenID provider with rotation and reuse detection, which a test can make ill.
//
//   node server.mjs '{"port": 1234, "key": <private RSA JWK>,
//                     "clients": [{"client_id": …, "client_secret": …, "redirect_uris": […]}]}'
//
// Departs from Google where a test wants more: refresh tokens rotate. `/double/…` is for tests; see ../google_oidc.py.

import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';
import { chooser, consent, page } from './pages.mjs';
import { Store, clients, endGrantsOf } from './store.mjs';

const given = JSON.parse(process.argv[2]);
const issuer = `http://127.0.0.1:${given.port}`;
const MAIL = 'https://mail.google.com/';
const HEALTHY = {
  token_delay_ms: 0, // before the token endpoint does anything
  token_status: 0, // answered instead, without doing anything
  token_body: '', // what that answer says
  hang_up_after: false, // do all of it, rotation included, then close the connection without a word
  silent_after: false, // do all of it, then never answer
  refuse_refresh: false, // invalid_grant
  rotate: true,
  access_token_seconds: 3600,
  email_verified: true,
  revoke_status: 0,
};
const knobs = { ...HEALTHY };
const counts = { token_requests: 0, refreshes: 0, revocations: 0, grant_errors: 0 };

const subOf = (email) => createHash('sha256').update(email.toLowerCase()).digest('hex').slice(0, 21);
const emails = new Map();

function know(email) {
  emails.set(subOf(email), email);
  return subOf(email);
}

function register(client) {
  clients.set(client.client_id, {
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_post',
    ...client,
  });
}
given.clients.forEach(register);

const provider = new Provider(issuer, {
  adapter: Store,
  jwks: { keys: [given.key] }, // given, so that a restart forgets everything but who it is
  cookies: { keys: [randomBytes(16).toString('hex')] },
  scopes: ['openid', 'email', MAIL],
  claims: { openid: ['sub'], email: ['email', 'email_verified'] },
  conformIdTokenClaims: false,
  findAccount: async (_, sub) => ({
    accountId: sub,
    claims: async () => ({ sub, email: emails.get(sub), email_verified: knobs.email_verified }),
  }),
  discovery: { revocation_endpoint: `${issuer}/revoke` },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  issueRefreshToken: async () => true,
  rotateRefreshToken: () => knobs.rotate,
  expiresWithSession: async () => false,
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false } },
  ttl: {
    AccessToken: () => knobs.access_token_seconds,
    AuthorizationCode: 60,
    Grant: 86400,
    IdToken: 3600,
    Interaction: 600,
    RefreshToken: 86400,
    Session: 3600,
  },
});
provider.on('grant.error', () => { counts.grant_errors += 1; });
provider.on('server_error', (_, error) => { console.error(error); });

async function bodyOf(request) {
  let text = '';
  for await (const piece of request) text += piece;
  return text;
}

function say(response, status, value, type = 'application/json') {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  response.end(typeof value === 'string' ? value : JSON.stringify(value));
}

async function tokenOf(text) {
  const access = await provider.AccessToken.find(text);
  if (access) return access;
  return provider.RefreshToken.find(text);
}

// What Dovecot, an SMTP server or a test asks about an access token (RFC 7662's answer, by GET or POST, no client).
async function introspect(text) {
  const token = text ? await provider.AccessToken.find(text) : undefined;
  if (!token) return { active: false };
  const email = emails.get(token.accountId);
  return { active: true, sub: token.accountId, email, username: email, scope: token.scope, exp: token.exp,
    expires_in: token.remainingTTL, client_id: token.clientId };
}

// An access token without the browser's detour, for tests of mail alone.
async function mint({ email, scope = `openid email ${MAIL}`, seconds = 3600, client_id: clientId }) {
  const client = await provider.Client.find(clientId ?? [...clients.keys()][0]);
  const grant = new provider.Grant({ accountId: know(email), clientId: client.clientId });
  grant.addOIDCScope(scope);
  const token = new provider.AccessToken({ accountId: know(email), client, grantId: await grant.save(), gty: 'double',
    scope, expiresIn: seconds });
  return { access_token: await token.save(seconds), expires_in: seconds };
}

const tests = {
  '/double/knobs': (body) => Object.assign(knobs, body),
  '/double/heal': () => Object.assign(knobs, HEALTHY),
  '/double/counts': () => counts,
  '/double/reset-counts': () => { Object.keys(counts).forEach((name) => { counts[name] = 0; }); return counts; },
  '/double/clients': (body) => { register(body); return { registered: body.client_id }; },
  '/double/end-grants': ({ email }) => ({ ended: endGrantsOf(subOf(email)) }),
  '/double/end-access-token': async ({ access_token: text }) => { await (await provider.AccessToken.find(text))?.destroy(); return {}; },
  '/double/mint': mint,
};

async function revoke(request, response) {
  counts.revocations += 1;
  if (knobs.revoke_status) return say(response, knobs.revoke_status, 'revocation is ill', 'text/plain');
  const token = await tokenOf(new URLSearchParams(await bodyOf(request)).get('token') ?? '');
  if (!token) return say(response, 400, { error: 'invalid_token', error_description: 'Token expired or revoked' });
  endGrantsOf(token.accountId, token.clientId);
  return say(response, 200, {});
}

async function interaction(request, response, path) {
  const details = await provider.interactionDetails(request, response);
  const { prompt, params, session } = details;
  if (request.method === 'GET') {
    return say(response, 200, prompt.name === 'login' ? chooser(path, params) : consent(path, params, emails.get(session.accountId)), 'text/html');
  }
  const form = new URLSearchParams(await bodyOf(request));
  if (form.get('answer') === 'cancel') {
    return provider.interactionFinished(request, response, { error: 'access_denied', error_description: 'The person said no.' });
  }
  if (prompt.name === 'login') {
    return provider.interactionFinished(request, response, { login: { accountId: know(form.get('email')), remember: false } });
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  const ticked = form.getAll('scope');
  const asked = params.scope.split(' ');
  grant.addOIDCScope(asked.filter((scope) => ticked.includes(scope)).join(' '));
  const unticked = asked.filter((scope) => !ticked.includes(scope)).join(' ');
  if (unticked) grant.rejectOIDCScope(unticked);
  return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
}

const callback = provider.callback();

async function token(request, response) {
  counts.token_requests += 1;
  const text = await bodyOf(request);
  const refresh = new URLSearchParams(text).get('grant_type') === 'refresh_token';
  if (refresh) counts.refreshes += 1;
  const sick = { ...knobs };
  if (sick.token_delay_ms) await new Promise((done) => { setTimeout(done, sick.token_delay_ms); });
  if (sick.token_status) return say(response, sick.token_status, sick.token_body || 'the token endpoint is ill', 'text/html');
  if (refresh && sick.refuse_refresh) {
    return say(response, 400, { error: 'invalid_grant', error_description: 'Token has been expired or revoked.' });
  }
  request.body = Object.fromEntries(new URLSearchParams(text)); // the stream is spent: koa's parser takes this instead
  if (!sick.hang_up_after && !sick.silent_after) return callback(request, response);
  response.end = () => { if (sick.hang_up_after) response.destroy(); return response; };
  response.write = () => true;
  return callback(request, response);
}

createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, issuer);
  try {
    if (pathname === '/double/introspect') {
      const text = request.method === 'GET' ? searchParams.get('access_token') : new URLSearchParams(await bodyOf(request)).get('token');
      say(response, 200, await introspect(text));
    } else if (tests[pathname]) {
      const text = await bodyOf(request);
      say(response, 200, await tests[pathname](text ? JSON.parse(text) : {}));
    } else if (pathname === '/revoke') {
      await revoke(request, response);
    } else if (pathname.startsWith('/interaction/')) {
      await interaction(request, response, pathname);
    } else if (pathname === '/token' && request.method === 'POST') {
      await token(request, response);
    } else {
      await callback(request, response);
    }
  } catch (error) {
    console.error(error);
    if (!response.headersSent) say(response, 400, page('Something went wrong', String(error)), 'text/html');
  }
}).listen(given.port, '127.0.0.1', () => console.log('ready'));
