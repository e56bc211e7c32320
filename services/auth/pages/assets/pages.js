// What makes the pages livelier. Every page works without it.
"use strict";

const one = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// Times in the reader's own zone and language.
function localise(within) {
  const shown = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  for (const time of all("time[datetime]", within)) {
    const at = new Date(time.dateTime);
    time.title = time.textContent;
    time.textContent = shown.format(at);
  }
}

// A form that takes a while says so, and is not sent twice.
function hold(form) {
  form.addEventListener("submit", (event) => {
    if (event.submitter && event.submitter.hasAttribute("formaction")) return;
    const waiting = one("[data-waiting]", form);
    if (waiting && form.dataset.wait) waiting.textContent = form.dataset.wait;
    setTimeout(() => all("button", form).forEach((button) => { button.disabled = true; }));
  });
}

// Back from another page by the browser's memory: buttons work again.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  all("form button").forEach((button) => { button.disabled = false; });
  all("[data-waiting]").forEach((waiting) => { waiting.textContent = ""; });
});

// Servers are suggested from the address's domain. Only the address is sent, and what was `typed` stays.
// `fill` puts in what was found, and returns what to say of it.
function suggesting(form, path, typed, fill) {
  const address = one("#address", form);
  const said = one("[data-suggestion]", form);
  let asked = "";
  all("input, select", form).forEach((field) => field.addEventListener("input", () => {
    if (field.value) typed.add(field.id); else typed.delete(field.id);
  }));

  function say(text, better) {
    const line = document.createElement("p");
    line.append(text);
    if (better) {
      line.className = "better";
      const name = document.createElement("strong");
      name.textContent = better;
      const instead = document.createElement("a");
      instead.href = "/connect";
      instead.textContent = "Choose it instead";
      line.append(" ", name, ". ", instead, ".");
    }
    said.replaceChildren(line);
  }

  async function ask(force) {
    const domain = address.value.split("@")[1] || "";
    if (!address.checkValidity() || !domain || (domain === asked && !force)) return;
    asked = domain;
    const body = new URLSearchParams({ address: address.value });
    const headers = { Accept: "application/json", "X-Form-Token": one("[name=form_token]", form).value };
    let found;
    try {
      const answer = await fetch(path, { method: "POST", body, headers, credentials: "same-origin" });
      if (!answer.ok) return;
      found = await answer.json();
    } catch {
      return; // a suggestion less
    }
    if (domain !== asked) return;
    if (found.better) return say("This mailbox is better connected as", found.better);
    const text = fill(found, (name, value) => {
      if (force || !typed.has(name)) one(`#${name}`, form).value = value;
    });
    if (text) say(text);
  }

  address.addEventListener("change", () => ask(false));
  one("[data-suggest-button]", form).addEventListener("click", (event) => {
    event.preventDefault();
    ask(true);
  });
}

function suggestMailServers(form) {
  suggesting(form, form.dataset.suggest, new Set(), (found, put) => {
    if (!found.imap && !found.smtp) return "We know no servers of this domain. Your provider's help pages name them.";
    for (const name of ["imap", "smtp"]) {
      for (const part of found[name] ? ["host", "port", "security"] : []) put(`${name}_${part}`, found[name][part]);
    }
    const whose = found.provider ? ` of ${found.provider}` : "";
    return `Servers${whose} are filled in below. Change them where you know better. ${found.hint || ""}`;
  });
}

function suggestExchangeServer(form) {
  const typed = new Set(one("#server", form).value ? ["server"] : []);
  suggesting(form, form.dataset.suggestServer, typed, (found, put) => {
    if (found.server) put("server", found.server);
    return found.said;
  });
}

function reveal(button) {
  const field = document.getElementById(button.dataset.reveal);
  button.hidden = false;
  button.addEventListener("click", () => {
    const shown = field.type === "text";
    field.type = shown ? "password" : "text";
    button.textContent = shown ? "Show" : "Hide";
    button.setAttribute("aria-pressed", String(!shown));
  });
  field.form.addEventListener("submit", () => { field.type = "password"; });
}

function copy(button) {
  if (!navigator.clipboard) return;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
    one("[data-copied]").textContent = "Copied";
  });
}

// The mailbox's state, as the server tells it; only a change of the state itself is read out.
function follow(place) {
  if (!place.dataset.live) return;
  const said = one("[data-said]");
  let title = null;
  const events = new EventSource(place.dataset.live);
  events.addEventListener("message", (event) => {
    const told = JSON.parse(event.data);
    place.innerHTML = told.part; // rendered and escaped by our own server
    localise(place);
    if (told.tone === "bad") all("[data-good-news]").forEach((news) => news.remove());
    if (title !== null && title !== told.title) said.textContent = `${told.title}. ${told.sentence}`;
    title = told.title;
  });
}

localise(document);
all("form").forEach(hold);
all("form[data-suggest]").forEach(suggestMailServers);
all("form[data-suggest-server]").forEach(suggestExchangeServer);
all("[data-reveal]").forEach(reveal);
all("[data-copy]").forEach(copy);
all("[data-live]").forEach(follow);
const first = one("[data-focus]");
if (first) first.focus();
