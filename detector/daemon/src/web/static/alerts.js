// The list of alerts: what arrived, what is shown of it, and the details of one.

import { PRIORITIES, byId, clock, element, number, pill } from "/ui/dom.js";

const KEPT = 2000;
const SHOWN = 300;

const alerts = [];
const waiting = [];
const filter = { words: [], priority: 7, source: "", rule: "", tag: "" };
const known = { source: new Set(), rule: new Set() };
let paused = false;
let missed = 0;
let total = 0;

/** Adds an alert from the server. */
export function take(text, id) {
  let json;
  try { json = JSON.parse(text); } catch { return; }
  const priority = PRIORITIES.indexOf(json.priority);
  const alert = {
    id, json,
    priority: priority < 0 ? 7 : priority,
    rule: json.rule ?? "", source: json.source ?? "", tags: json.tags ?? [], fields: json.output_fields ?? {},
    text: json.message ?? (json.output ?? "").replace(/^\S+( \S+)?: \w+ /, ""),
    time: Date.parse((json.time ?? "").replace(/(\.\d{3})\d*/, "$1")) || Date.now(),
  };
  alert.haystack = JSON.stringify(json).toLowerCase();
  waiting.push(alert);
  if (!paused && waiting.length === 1) requestAnimationFrame(flush);
  if (paused) tell();
}

let nothing = "No alerts yet. They appear here as they happen.";

/** Sets what the empty list says. */
export function whenEmpty(text) {
  nothing = text;
  tell();
}

/** Counts alerts that were sent while the browser was not connected. */
export function lost(count) {
  missed += count;
  tell();
}

/** Sets the number of alerts since the start of the program, of which the page has the newest. */
export function sent(count) {
  total = count;
  tell();
}

function flush() {
  if (paused) return;
  const fresh = waiting.splice(0);
  for (const alert of fresh) {
    alerts.unshift(alert);
    learn("source", alert.source);
    learn("rule", alert.rule);
  }
  alerts.length = Math.min(alerts.length, KEPT);
  const list = byId("alerts");
  const rows = fresh.filter(fits).slice(-SHOWN).reverse().map((alert) => row(alert, alerts.length > fresh.length));
  list.prepend(...rows);
  while (list.children.length > SHOWN) list.lastElementChild.remove();
  tell();
}

function learn(kind, value) {
  if (!value || known[kind].has(value)) return;
  known[kind].add(value);
  const select = byId(kind);
  const option = element("option", { value }, value);
  const after = [...select.options].slice(1).find((other) => other.value > value);
  select.insertBefore(option, after ?? null);
}

function fits(alert) {
  return alert.priority <= filter.priority
    && (!filter.source || alert.source === filter.source)
    && (!filter.rule || alert.rule === filter.rule)
    && (!filter.tag || alert.tags.includes(filter.tag))
    && filter.words.every((word) => word.test(alert));
}

/** What `name=value` searches beside the fields of an alert. */
const PROPERTIES = {
  priority: (alert, value) => PRIORITIES[alert.priority].toLowerCase().startsWith(value),
  rule: (alert, value) => alert.rule.toLowerCase().includes(value),
  source: (alert, value) => alert.source.toLowerCase().includes(value),
  tag: (alert, value) => alert.tags.some((tag) => tag.toLowerCase().includes(value)),
};

/** Splits a search into words; `name=value` searches one field, or the priority, rule, source or tags. */
function words(text) {
  const parts = text.toLowerCase().match(/[^\s"]*"[^"]*"|\S+/g) ?? [];
  return parts.map((part) => {
    const plain = part.replaceAll('"', "");
    const [, name, value] = plain.match(/^([a-z][\w.[\]]*)=(.*)$/) ?? [];
    if (name === undefined) return { test: (alert) => alert.haystack.includes(plain) };
    const property = Object.hasOwn(PROPERTIES, name) ? PROPERTIES[name] : undefined;
    return { test: (alert) => property?.(alert, value) || fieldHas(alert.fields, name, value) };
  });
}

/** Field names are written in any case, as the search is. */
function fieldHas(fields, name, value) {
  const known = Object.keys(fields).find((each) => each.toLowerCase() === name);
  return known !== undefined && String(fields[known]).toLowerCase().includes(value);
}

function row(alert, isNew) {
  const summary = element("summary", {},
    element("time", { datetime: alert.json.time ?? "", title: alert.json.time ?? "" }, clock(alert.time)),
    pill(alert.priority),
    element("span", { class: "name" }, alert.rule),
    element("span", { class: "text" }, alert.text));
  const details = element("details", { ontoggle: () => {
    if (details.open && details.children.length === 1) details.append(detail(alert));
  } }, summary);
  return element("li", { class: isNew ? "new" : "", data: { p: alert.priority, id: alert.id } }, details);
}

function detail(alert) {
  const fields = element("dl");
  for (const [name, value] of Object.entries(alert.fields)) {
    const text = value === null ? "—" : typeof value === "object" ? JSON.stringify(value) : String(value);
    const button = element("button", { type: "button", title: "Filter by this value", onclick: () => search(`${name}="${text}"`) }, text);
    fields.append(element("dt", { class: "mono" }, name), element("dd", { class: "mono" }, value === null ? text : button));
  }
  const tags = alert.tags.map((tag) => element("button", { type: "button", onclick: () => only({ tag }) }, tag));
  const raw = element("pre", { hidden: true, tabindex: "0" }, JSON.stringify(alert.json, null, 2));
  const copy = element("button", { type: "button", onclick: async () => {
    try {
      await navigator.clipboard.writeText(JSON.stringify(alert.json));
      copy.textContent = "Copied";
    } catch { raw.hidden = false; getSelection().selectAllChildren(raw); }
  } }, "Copy JSON");
  const show = element("button", { type: "button", "aria-pressed": "false", onclick: () => {
    raw.hidden = !raw.hidden;
    show.setAttribute("aria-pressed", String(!raw.hidden));
  } }, "JSON");
  const rule = element("button", { type: "button", onclick: () => only({ rule: alert.rule }) }, "Only this rule");
  return element("div", { class: "detail" },
    element("p", { class: "message" }, alert.text),
    fields,
    alert.tags.length ? element("div", { class: "tags" }, ...tags) : null,
    element("div", { class: "row" }, rule, show, copy),
    raw);
}

function tell() {
  const fitting = alerts.filter(fits).length;
  const parts = [`${number(fitting)} of ${number(alerts.length)} alerts`];
  if (total > alerts.length + waiting.length) parts.push(`the newest of ${number(total)} since the start`);
  if (fitting > SHOWN) parts.push(`newest ${SHOWN} shown`);
  if (paused) parts.push(`paused, ${number(waiting.length)} waiting`);
  if (missed) parts.push(`${number(missed)} came too fast to be shown`);
  byId("count").textContent = alerts.length || paused ? parts.join(" · ") : "";
  byId("empty").hidden = fitting > 0;
  byId("empty").textContent = alerts.length ? "No alert matches these filters." : nothing;
}

function render() {
  byId("alerts").replaceChildren(...alerts.filter(fits).slice(0, SHOWN).map((alert) => row(alert, false)));
  tell();
}

function read() {
  filter.words = words(byId("search").value);
  filter.priority = Number(byId("priority").value);
  filter.source = byId("source").value;
  filter.rule = byId("rule").value;
  byId("tag").hidden = !filter.tag;
  byId("tag").textContent = filter.tag;
  render();
}

function search(text) {
  byId("search").value = text;
  read();
  byId("search").focus();
}

/** Shows only the alerts of a rule or with a tag. */
export function only({ rule = "", tag = "" }) {
  learn("rule", rule);
  byId("rule").value = rule;
  filter.tag = tag;
  read();
}

export function clear() {
  byId("filters").reset();
  filter.tag = "";
  read();
}

export function pause(wanted = !paused) {
  paused = wanted;
  byId("pause").setAttribute("aria-pressed", String(paused));
  byId("pause").textContent = paused ? "Resume" : "Pause";
  flush();
  tell();
}

/** Moves the focus among the alerts. */
export function step(by) {
  const all = [...byId("alerts").querySelectorAll("summary")];
  const at = all.indexOf(document.activeElement?.closest("li")?.querySelector("summary"));
  all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + by))]?.focus();
}

export function start() {
  byId("priority").append(...PRIORITIES.map((name, place) =>
    element("option", { value: 7 - place, selected: place === 0 }, place === 7 ? "Emergency" : `${PRIORITIES[7 - place]} and up`)));
  byId("priority").options[0].textContent = "All priorities";
  byId("filters").addEventListener("input", read);
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("tag").addEventListener("click", () => { filter.tag = ""; read(); });
  byId("pause").addEventListener("click", () => pause());
  byId("clear").addEventListener("click", clear);
}
