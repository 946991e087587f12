// The operator's panel: asks for its state every second, shows it, brings the operator's word back.
"use strict";

const POLL_MS = 1000;
const POLL_HIDDEN_MS = 3000;
// An agent that answers nothing in this time counts as gone.
const PATIENCE_MS = 5000;
// A card that has just come may have moved under a finger that meant another button.
const SETTLE_MS = 800;

const language = document.documentElement.lang;
const token = document.querySelector('meta[name="panel-token"]').content;
const texts = JSON.parse(document.getElementById("texts").textContent);
const title = document.title;
const moments = new Intl.DateTimeFormat(language, { dateStyle: "short", timeStyle: "medium" });
const byId = (id) => document.getElementById(id);
const text = (key) => texts[key] ?? key;
/** A word of the agent in the operator's language; one that is new, as it is. */
const word = (group, name) => texts[`${group}.${name}`] ?? name;

let startedAt = null;
let connected = false;
let logShown = null;

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function moment(timestamp) {
  return element("time", { datetime: timestamp }, moments.format(new Date(timestamp)));
}

function show(target, visible) {
  if (target.hidden === visible) target.hidden = !visible;
}

/** Sets a text only when it changes, so that it isn't read out again. */
function say(target, words) {
  if (target.textContent !== words) target.textContent = words;
}

// ---- The agent

async function ask(path, body) {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const options = { cache: "no-store", credentials: "same-origin", signal };
  if (body !== undefined) {
    options.method = "POST";
    options.headers = { "Content-Type": "application/json", "X-Panel-Token": token };
    options.body = JSON.stringify(body);
  }
  const response = await fetch(path, options);
  if (response.ok) return response.status === 204 ? null : response.json();
  const problem = await response.json().catch(() => ({}));
  throw Object.assign(new Error(problem.detail ?? response.statusText), { status: response.status });
}

let saidTimer;
function announce(words, bad) {
  const said = byId("said");
  said.classList.toggle("bad", bad);
  say(said, words);
  show(said, true);
  clearTimeout(saidTimer);
  saidTimer = setTimeout(() => show(said, false), 8000);
}

/** Does what a button says; the buttons of its card rest meanwhile. */
async function act(pressed, path, body) {
  const buttons = [pressed, ...(pressed.closest(".card")?.querySelectorAll("button") ?? [])];
  const rest = (yes) => buttons.forEach((button) => { button.disabled = yes; });
  const focused = document.activeElement === pressed;
  rest(true);
  try {
    await ask(path, body);
    return true;
  } catch (error) {
    announce(failure(error), true);
    rest(false);
    return false;
  } finally {
    await refresh();
    // Whoever works with the keyboard must not begin at the top of the page again.
    if (focused) (pressed.isConnected && !pressed.disabled ? pressed : byId("content")).focus();
  }
}

/** What went wrong: the agent's word, or that it gives none. */
function failure(error) {
  if (error.status === undefined) return `${text("error.failed")}. ${text("offline")}`;
  return error.status === 409 ? text("error.gone") : `${text("error.failed")}: ${error.message}`;
}

// ---- Questions and what is being done

function describe(order) {
  const words = order.description[language] ?? order.description.en ?? order.name;
  return element("h3", {}, words,
    element("span", { class: `tag ${order.class}` }, word("class", order.class)));
}

function details(order, last) {
  const list = element("dl", {});
  const row = (name, value) =>
    list.append(element("dt", {}, name), element("dd", {}, value));
  row(text("field.by"), element("strong", {}, order.by));
  row(text("field.ticket"), order.ticket ?? text("no_ticket"));
  row(text("field.purpose"), order.purpose ?? text("no_purpose"));
  row(text("field.command"), element("code", {}, order.name));
  for (const [name, value] of Object.entries(order.args)) {
    const shown = typeof value === "string" ? value : JSON.stringify(value);
    row(text("field.args"), element("code", {}, `${name} = ${shown}`));
  }
  row(...last);
  return list;
}

function button(kind, words, action) {
  const made = element("button", { type: "button", class: kind }, words);
  made.addEventListener("click", () => action(made));
  made.disabled = true;
  setTimeout(() => { made.disabled = made.classList.contains("pressed"); }, SETTLE_MS);
  return made;
}

function question(order) {
  const decide = (decision) => (pressed) =>
    act(pressed, "/api/decide", { command_id: order.id, decision });
  const until = element("span", {}, moment(order.expires_at), element("span", { class: "left" }));
  return element("article", { class: "card", "aria-label": text("question.title") },
    element("div", {}, describe(order), details(order, [text("field.until"), until])),
    element("div", { class: "buttons" },
      button("refuse", text("refuse"), decide("refused")),
      button("accept", text("accept"), decide("granted"))));
}

function activity(order) {
  const stop = (pressed) => act(pressed, "/api/stop", { command_id: order.id });
  return element("article", { class: "card" },
    element("div", {}, describe(order), details(order, [text("field.since"), moment(order.since)])),
    element("div", { class: "buttons" }, button("stop", text("stop"), stop)));
}

/** Adds and removes cards; those that stay keep their place and focus. */
function reconcile(section, orders, make, update) {
  const cards = section.querySelector(".cards");
  const wanted = new Map(orders.map((order) => [order.id, order]));
  for (const card of [...cards.children]) {
    if (!wanted.has(card.dataset.id)) card.remove();
  }
  const present = new Map([...cards.children].map((card) => [card.dataset.id, card]));
  for (const [id, order] of wanted) {
    let card = present.get(id);
    if (!card) {
      card = make(order);
      card.dataset.id = id;
      cards.append(card);
    }
    update(card, order);
  }
}

function countDown(card, order, now) {
  const seconds = Math.ceil((new Date(order.expires_at) - now) / 1000);
  const left = card.querySelector(".left");
  const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  if (seconds <= 0) say(left, ` (${text("expired")})`);
  else say(left, seconds < 3600 ? ` (${clock})` : "");
}

function markStopping(card, order) {
  if (!order.stopping) return;
  const stop = card.querySelector("button");
  stop.classList.add("pressed");
  stop.disabled = true;
  say(stop, text("stopping"));
}

// ---- The rest of the page

function faultRow(fault) {
  const since = fault.since_ts ? moment(new Date(fault.since_ts).toISOString()) : null;
  return element("li", {},
    element("strong", {}, fault.code),
    element("span", { class: `tag ${fault.severity}` }, word("severity", fault.severity)),
    fault.source ? element("span", {}, fault.source) : null,
    since,
    fault.message ? element("span", { class: "wide" }, fault.message) : null);
}

function alarmRow(alarm) {
  return element("li", {},
    element("strong", {}, alarm.name),
    element("span", { class: `tag ${alarm.severity}` }, word("severity", alarm.severity)),
    element("span", {}, alarm.source),
    moment(alarm.since),
    alarm.message ? element("span", { class: "wide" }, alarm.message) : null);
}

function logRow(entry) {
  const order = entry.order;
  const about = [];
  if (order) about.push(order.name, order.by, order.ticket);
  if (entry.how) about.push(word("how", entry.how));
  const said = entry.text && entry.what === "ended" ? word("outcome", entry.text) : entry.text;
  const args = order && order.args !== "{}" && entry.what !== "ended" ? order.args : null;
  return element("li", {},
    moment(entry.ts),
    element("strong", {}, word("what", entry.what)),
    element("span", {}, about.filter(Boolean).join(" · ")),
    said ? element("span", { class: entry.what === "help_requested" ? "wide" : "" }, said) : null,
    args ? element("code", { class: "wide quiet" }, args) : null);
}

function fill(section, rows) {
  section.querySelector(".rows").replaceChildren(...rows);
  show(section.querySelector(".nothing"), rows.length === 0);
}

async function showLog(count) {
  if (logShown === count) return;
  const { entries } = await ask("/api/log");
  fill(byId("log"), entries.map(logRow));
  logShown = count;
}

/** What a list shows, so that it is made anew only when something has changed. */
const listed = new Map();
function list(id, items, row) {
  const seen = JSON.stringify(items);
  if (seen === listed.get(id)) return;
  listed.set(id, seen);
  fill(byId(id), items.map(row));
}

function showState(state) {
  say(byId("machine"), state.machine_name ?? state.machine ?? text("not_enrolled"));
  // The name is people's; the id stays, for who has to say it on the telephone.
  const named = Boolean(state.machine_name && state.machine);
  say(byId("machine-id"), named ? state.machine : "");
  show(byId("machine-id"), named);
  const connection = byId("connection");
  connection.className = `connection ${state.connection.state}`;
  say(connection, word("connection", state.connection.state));
  connected = state.connection.state === "connected";

  const now = new Date(state.now);
  const questions = byId("questions");
  reconcile(questions, state.questions, question, (card, order) => countDown(card, order, now));
  show(questions, state.questions.length > 0);
  document.title = state.questions.length ? `(${state.questions.length}) ${title}` : title;

  const activities = byId("activities");
  reconcile(activities, state.activities, activity, markStopping);
  show(activities.querySelector(".nothing"), state.activities.length === 0);
  show(byId("stop-all"), state.activities.length > 1);
  list("faults", state.faults, faultRow);
  list("alarms", state.alarms, alarmRow);

  const problems = [];
  if (state.disk_problem) problems.push(`${text("disk_problem")}: ${state.disk_problem}`);
  if (state.log_problem) problems.push(`${text("log_problem")}: ${state.log_problem}`);
  say(byId("problem"), problems.join(" – "));
  show(byId("problem"), problems.length > 0);
}

// ---- The loop

async function refresh() {
  try {
    const state = await ask("/api/state");
    if (startedAt !== null && startedAt !== state.started_at) {
      // Another run of the agent has another token.
      location.reload();
      return;
    }
    startedAt = state.started_at;
    showState(state);
    await showLog(state.log_entries);
    online(true);
  } catch {
    online(false);
  }
}

function online(yes) {
  show(byId("offline"), !yes);
  document.body.classList.toggle("stale", !yes);
  if (yes) return;
  connected = false;
  const connection = byId("connection");
  connection.className = "connection unknown";
  say(connection, word("connection", "unknown"));
}

async function loop() {
  await refresh();
  setTimeout(loop, document.hidden ? POLL_HIDDEN_MS : POLL_MS);
}

byId("stop-all").addEventListener("click", async (event) => {
  const pressed = event.currentTarget;
  await act(pressed, "/api/stop", {});
  pressed.disabled = false;
});

byId("help").addEventListener("submit", async (event) => {
  event.preventDefault();
  const message = byId("message");
  const send = event.currentTarget.querySelector("button");
  if (await act(send, "/api/help", { message: message.value })) {
    message.value = "";
    sessionStorage.removeItem("message");
    announce(connected ? text("help.sent") : text("help.queued"), false);
    send.disabled = false;
    message.focus();
  }
});

// What is being written survives a reload.
byId("message").value = sessionStorage.getItem("message") ?? "";
byId("message").addEventListener("input", (event) =>
  sessionStorage.setItem("message", event.target.value));

for (const link of document.querySelectorAll(".languages a")) {
  if (link.lang === language) link.setAttribute("aria-current", "true");
}
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
loop();
