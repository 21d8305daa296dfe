// The ATT&CK matrix: the techniques of the loaded rules' tags, under their tactics.

import { byId, element, number } from "/ui/dom.js";
import { TACTICS, TECHNIQUES } from "/ui/techniques.js";

/** Returns the techniques of each tactic that rules detect, with matches and the highest priority of them. */
export function matrix(rules) {
  const tactics = TACTICS.map(([tag, name]) => ({ tag, name, techniques: new Map() }));
  for (const rule of rules) {
    const ids = rule.tags.filter((tag) => /^T\d{4}(\.\d{3})?$/.test(tag));
    for (const tactic of tactics.filter((tactic) => rule.tags.includes(tactic.tag))) {
      for (const id of ids) {
        const cell = tactic.techniques.get(id) ?? { id, hits: 0, rules: 0, priority: 7 };
        cell.rules += 1;
        cell.hits += rule.count;
        if (rule.count) cell.priority = Math.min(cell.priority, rule.priority);
        tactic.techniques.set(id, cell);
      }
    }
  }
  return tactics.filter((tactic) => tactic.techniques.size);
}

export function draw(rules, open) {
  const columns = matrix(rules).map((tactic) => {
    const cells = [...tactic.techniques.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    const hits = cells.filter((cell) => cell.hits).length;
    const buttons = cells.map((cell) => {
      const name = TECHNIQUES[cell.id] ?? cell.id;
      const label = `${cell.id} ${name}: ${cell.hits ? `${cell.hits} alerts` : "quiet"}, ${cell.rules} ${cell.rules === 1 ? "rule" : "rules"}`;
      return element("button", {
        type: "button", class: [cell.hits ? "hit" : "", cell.id.includes(".") ? "sub" : ""].join(" ").trim(),
        "aria-label": label, data: cell.hits ? { p: cell.priority } : {}, onclick: () => open(cell.id),
      },
      element("span", {}, name),
      element("small", {}, cell.id, cell.hits ? element("b", {}, ` · ${number(cell.hits)}`) : ""));
    });
    return element("section", { "aria-label": tactic.name },
      element("h3", {}, tactic.name, element("small", {}, `${hits}/${cells.length}`)), ...buttons);
  });
  byId("matrix").replaceChildren(...(columns.length ? columns : [element("p", { class: "empty" }, "The loaded rules have no ATT&CK tags.")]));
}
