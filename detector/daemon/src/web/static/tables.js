// The rules with their matches and cost, and the sources with their drops.

import { byId, duration, element, number, pill, short } from "/ui/dom.js";

const COLUMNS = [
  { name: "Rule", key: "name" },
  { name: "Priority", key: "priority" },
  { name: "Source", key: "source", wide: true },
  { name: "Hits", key: "count", number: true },
  { name: "Tried", key: "evaluated", number: true, wide: true },
  { name: "Time each", key: "each", number: true, wide: true },
  { name: "Share", key: "share", number: true, wide: true },
];
let order = { key: "count", down: true };
let last = null;
let show = () => {};

export function start(open) {
  show = open;
  for (const id of ["find", "fired"]) byId(id).addEventListener("input", () => rules());
}

/** Draws the table of rules of an overview, or the last one again. */
/** Shows all rules again. */
export function clear() {
  byId("find").value = "";
  byId("fired").checked = false;
  rules();
}

export function rules(all = last) {
  if (!all) return;
  last = all;
  const time = all.reduce((sum, rule) => sum + (rule.nanoseconds ?? 0), 0);
  const wanted = byId("find").value.toLowerCase();
  const rows = all
    .map((rule) => ({ ...rule, evaluated: rule.evaluated ?? 0, each: rule.evaluated ? rule.nanoseconds / rule.evaluated : 0, share: time ? (rule.nanoseconds ?? 0) / time : 0 }))
    .filter((rule) => (!byId("fired").checked || rule.count) && `${rule.name} ${rule.tags.join(" ")}`.toLowerCase().includes(wanted))
    .sort((a, b) => {
      const [x, y] = [a[order.key], b[order.key]];
      const by = typeof x === "string" ? x.localeCompare(y) : x - y;
      return (order.down ? -by : by) || a.name.localeCompare(b.name);
    });
  const head = COLUMNS.map((column) => element("th", {
    scope: "col", class: [column.number ? "num" : "", column.wide ? "wide" : ""].join(" ").trim(),
    "aria-sort": order.key === column.key ? (order.down ? "descending" : "ascending") : null,
  }, element("button", { type: "button", onclick: () => {
    order = { key: column.key, down: order.key === column.key ? !order.down : column.number === true };
    rules();
  } }, column.name)));
  const cell = (text, wide = false) => element("td", { class: wide ? "num wide" : "num" }, text);
  const body = rows.map((rule) => element("tr", { class: rule.count ? "" : "quiet" },
    element("td", {}, element("button", { type: "button", class: "link", onclick: () => show(rule.name) }, rule.name), element("br"), element("small", {}, rule.tags.join(" "))),
    element("td", {}, pill(rule.priority)),
    element("td", { class: "wide" }, rule.source),
    cell(number(rule.count)),
    cell(rule.evaluated ? short(rule.evaluated) : "–", true),
    cell(rule.each ? `${short(rule.each)} ns` : "–", true),
    cell(rule.share ? `${(rule.share * 100).toFixed(1)} %` : "–", true)));
  // Redrawing the table would move the focus away.
  const focused = document.activeElement?.closest("#rules") ? [...byId("rules").querySelectorAll("button")].indexOf(document.activeElement) : -1;
  byId("rules").replaceChildren(element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body));
  if (focused >= 0) byId("rules").querySelectorAll("button")[focused]?.focus();
}

function card(title, entries) {
  const list = element("dl");
  for (const [name, value, bad] of entries) list.append(element("dt", {}, name), element("dd", { class: bad ? "bad" : "" }, value));
  return element("article", {}, element("h3", {}, title), list);
}

export function sources(now, before) {
  const cards = now.sources.map((source) => {
    const then = before?.sources.find((other) => other.name === source.name);
    const seconds = before ? (now.now - before.now) / 1000 : 0;
    const rate = then && seconds > 0 ? (source.events - then.events) / seconds : 0;
    const entries = [["events", number(source.events)], ["events a second", short(Math.max(0, rate))]];
    if (source.name === "syscall") {
      entries.push(["lost", number(source.dropped), source.dropped > 0]);
      for (const drop of source.drops) entries.push([`lost: ${drop.cause}, ${drop.family}`, number(drop.count), true]);
      entries.push(["threads known", number(source.threads)], ["file descriptors known", number(source.fds)]);
    } else {
      entries.push(["rejected", number(source.refused), source.refused > 0]);
    }
    return card(`Source ${source.name}`, entries);
  });
  const outputs = now.outputs.map((output) => card(`Output ${output.sink}`, [
    ["sent", number(output.sent)], ["delivered", number(output.delivered)], ["waiting", number(output.queued)],
    ["retries", number(output.retries)], ["lost", number(output.lost), output.lost > 0],
  ]));
  const program = card("Program", [
    ["version", now.version], ["compatible with", `Falco ${now.falco_version}`], ["engine", now.engine],
    ["running for", duration((now.now - now.started) / 1000)], ["rules", number(now.rules.length)],
  ]);
  byId("sources").replaceChildren(...cards, ...outputs, program);
}
