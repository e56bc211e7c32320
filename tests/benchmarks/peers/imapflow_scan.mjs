// Reads the same header fields of every message in INBOX with imapflow, and does nothing with them.
import { ImapFlow } from 'imapflow';

const [host, port, user, password, fields] = process.argv.slice(2);
const client = new ImapFlow({ host, port: Number(port), secure: false, tls: { rejectUnauthorized: false },
    auth: { user, pass: password }, logger: false, disableAutoIdle: true, doSTARTTLS: false });
await client.connect();
await client.mailboxOpen('INBOX', { readOnly: true });
const started = process.hrtime.bigint();
let count = 0;
for await (const message of client.fetch('1:*', { uid: true, internalDate: true, headers: fields.split(',') })) {
    if (message.headers.length) count += 1;
}
const seconds = Number(process.hrtime.bigint() - started) / 1e9;
console.log(JSON.stringify({ count, seconds }));
await client.logout();
