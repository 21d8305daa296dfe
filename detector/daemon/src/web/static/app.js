// Starts everything: the stream of alerts, the overview every two seconds, views and keys.

import * as alerts from "/ui/alerts.js";
import * as attack from "/ui/attack.js";
import * as chart from "/ui/chart.js";
import * as tables from "/ui/tables.js";
import { byId, duration, element, number, short } from "/ui/dom.js";

const VIEWS = ["alerts", "attack", "rules", "sources"];
const PAUSE = 2000;
let view = "alerts";
let now = null;
let before = null;
let costs = true;

function state(word, text) {
  byId("live").dataset.state = word;
  byId("live").lastElementChild.textContent = text;
}

function listen() {
  const stream = new EventSource("/ui/api/alerts");
  stream.addEventListener("open", () => state("on", "live"));
  stream.addEventListener("error", () => state("off", "no connection"));
  stream.addEventListener("message", (event) => alerts.take(event.data, event.lastEventId));
  stream.addEventListener("missed", (event) => alerts.lost(Number(event.data)));
}

async function look() {
  try {
    const cost = view === "rules" && costs;
    const answer = await fetch(`/ui/api/overview${cost ? "?cost" : ""}`, { cache: "no-store" });
    if (answer.status === 401) location.reload();
    if (answer.status === 403 && cost) {
      costs = false;
      byId("costs").hidden = false;
      return void look();
    }
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    [before, now] = [now, await answer.json()];
    stale(false);
    draw();
  } catch { stale(true); }
  setTimeout(look, document.hidden ? PAUSE * 5 : PAUSE);
}

/** Marks everything that is shown as old while the server does not answer. */
function stale(is) {
  const old = now ? new Date(now.now).toLocaleTimeString() : "";
  byId("gone").hidden = !is;
  if (is) byId("gone").textContent = now ? `No connection to ${now.hostname}. All figures are those of ${old}.` : "No connection to the server.";
  document.body.dataset.stale = String(is);
  if (is) state("off", "no connection");
}

function cards() {
  const fired = now.rules.filter((rule) => rule.count).length;
  const hits = now.alerts;
  const events = now.sources.reduce((sum, source) => sum + source.events, 0);
  const then = before?.sources.reduce((sum, source) => sum + source.events, 0);
  const rate = before && now.now > before.now ? Math.max(0, (events - then) / ((now.now - before.now) / 1000)) : 0;
  const lost = now.sources.reduce((sum, source) => sum + (source.dropped ?? 0) + (source.refused ?? 0), 0)
    + now.outputs.reduce((sum, output) => sum + output.lost, 0);
  const card = (name, value, more, bad) => element("div", { class: bad ? "bad" : "" }, element("span", {}, name), element("b", {}, value), element("span", {}, more));
  byId("cards").replaceChildren(
    card("Alerts", number(hits), `in ${duration((now.now - now.started) / 1000)}`),
    card("Rules matched", `${number(fired)}`, `of ${number(now.rules.length)}`),
    card("Events a second", short(rate), `${short(events)} so far`),
    card("Dropped", number(lost), lost ? "see Sources" : "events and alerts", lost > 0));
}

function draw() {
  if (!now) return;
  byId("host").textContent = now.hostname;
  alerts.sent(now.alerts);
  const blind = now.engine === "nodriver" && !now.sources.some((source) => source.name !== "syscall");
  byId("blind").hidden = !blind;
  alerts.whenEmpty(blind ? "No alerts: nothing is watched." : "No alerts yet. They appear here as they happen.");
  document.title = `Peregrine · ${now.hostname}`;
  if (view === "alerts") { cards(); chart.draw(now.timeline); }
  if (view === "attack" && !document.activeElement?.closest("#matrix")) attack.draw(now.rules, (tag) => { alerts.only({ tag }); open("alerts"); });
  if (view === "rules") tables.rules(now.rules);
  if (view === "sources") tables.sources(now, before);
}

function open(name, focus = false) {
  view = VIEWS.includes(name) ? name : "alerts";
  for (const each of VIEWS) {
    byId(`view-${each}`).hidden = each !== view;
    const tab = byId(`tab-${each}`);
    tab.setAttribute("aria-selected", String(each === view));
    tab.tabIndex = each === view ? 0 : -1;
    if (focus && each === view) tab.focus();
  }
  scrollTo(0, 0);
  if (location.hash !== `#${view}`) history.replaceState(null, "", `#${view}`);
  draw();
}

function theme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try { localStorage.setItem("peregrine-theme", root.dataset.theme); } catch { /* for this page only */ }
}

function keys(event) {
  const typing = event.target.closest("input, select, textarea");
  if (event.key === "Escape" && !byId("keys").open) {
    // Also in the search: the browser empties the field alone, if at all.
    event.preventDefault();
    if (typing) event.target.blur();
    if (view === "alerts") alerts.clear();
    if (view === "rules") tables.clear();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || typing || byId("keys").open) return;
  const tabs = event.target.closest("[role=tablist]");
  const does = {
    "/": () => { open("alerts"); byId("search").focus(); },
    j: () => alerts.step(1), k: () => alerts.step(-1), p: () => alerts.pause(), c: () => alerts.clear(),
    t: theme, "?": () => byId("keys").showModal(),
    ArrowRight: tabs && (() => open(VIEWS[(VIEWS.indexOf(view) + 1) % VIEWS.length], true)),
    ArrowLeft: tabs && (() => open(VIEWS[(VIEWS.indexOf(view) + VIEWS.length - 1) % VIEWS.length], true)),
  }[event.key] ?? (VIEWS[Number(event.key) - 1] && (() => open(VIEWS[Number(event.key) - 1])));
  if (does) { event.preventDefault(); does(); }
}

alerts.start();
tables.start((rule) => { alerts.only({ rule }); open("alerts"); });
byId("tabs").addEventListener("click", (event) => { const tab = event.target.closest("[data-view]"); if (tab) open(tab.dataset.view); });
byId("theme").addEventListener("click", theme);
byId("help").addEventListener("click", () => byId("keys").showModal());
byId("span").addEventListener("change", draw);
addEventListener("keydown", keys);
addEventListener("hashchange", () => open(location.hash.slice(1)));
open(location.hash.slice(1));
listen();
look();
