// What the provider remembers, in memory, so that a test can look at it and take it away.

const GROUPED = new Set(['AccessToken', 'AuthorizationCode', 'RefreshToken']);

export const clients = new Map();
const kept = new Map();
const grants = new Map();

export class Store {
  constructor(model) { this.model = model; }

  key(id) { return `${this.model}:${id}`; }

  async upsert(id, payload, expiresIn) {
    const until = expiresIn ? Date.now() + expiresIn * 1000 : Infinity;
    kept.set(this.key(id), { payload, until });
    if (payload.grantId && GROUPED.has(this.model)) {
      if (!grants.has(payload.grantId)) grants.set(payload.grantId, new Set());
      grants.get(payload.grantId).add(this.key(id));
    }
  }

  async find(id) {
    if (this.model === 'Client') return clients.get(id);
    const found = kept.get(this.key(id));
    return found && found.until > Date.now() ? found.payload : undefined;
  }

  async findByUid(uid) {
    for (const [key, { payload }] of kept) {
      if (key.startsWith(`${this.model}:`) && payload.uid === uid) return payload;
    }
    return undefined;
  }

  async findByUserCode() { return undefined; }

  async consume(id) {
    const found = kept.get(this.key(id));
    if (found) found.payload.consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) { kept.delete(this.key(id)); }

  async revokeByGrantId(grantId) {
    for (const key of grants.get(grantId) ?? []) kept.delete(key);
    grants.delete(grantId);
  }
}

// The person took the app's access away: every grant of that account is gone. Returns how many there were.
export function endGrantsOf(accountId, clientId) {
  let ended = 0;
  for (const [key, { payload }] of kept) {
    const [model] = key.split(':');
    if (payload.accountId !== accountId || (clientId && payload.clientId !== clientId)) continue;
    if (model === 'Grant') ended += 1;
    if (model === 'Grant' || GROUPED.has(model)) kept.delete(key);
  }
  return ended;
}
