// The pages a person meets: choose an account, then tick what the app may do. Plain forms, for scripts and browsers.

const WORDS = {
  openid: 'Know who you are',
  email: 'See your e-mail address',
  'https://mail.google.com/': 'Read, compose, send and permanently delete all your e-mail',
};

const safe = (text) => String(text ?? '').replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`);

export const page = (title, body) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>${safe(title)}</title>
<meta name="viewport" content="width=device-width"><body><h1>${safe(title)}</h1>${body}</body></html>`;

export const chooser = (action, params) => page('Sign in', `<form method="post" action="${safe(action)}">
<label>E-mail <input name="email" type="email" required value="${safe(params.login_hint)}"></label>
<button name="answer" value="next">Next</button></form>`);

export const consent = (action, params, email) => page(`${email} and ${params.client_id}`, `<form method="post" action="${safe(action)}">
${params.scope.split(' ').map((scope) => `<label><input type="checkbox" name="scope" value="${safe(scope)}" checked>
${safe(WORDS[scope] ?? scope)}</label><br>`).join('')}
<button name="answer" value="continue">Continue</button> <button name="answer" value="cancel">Cancel</button></form>`);
