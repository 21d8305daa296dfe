// Counts over time as stacked bars, a bar for each step of the server's clock.

import { PRIORITIES, byId, clock, element, number } from "/ui/dom.js";

const SVG = "http://www.w3.org/2000/svg";

function shape(name, attributes, data = {}) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  Object.assign(made.dataset, data);
  return made;
}

/** Draws the timeline of an overview: `step` seconds per row, eight counts in each, the last row is now. */
export function draw(timeline) {
  const span = Number(byId("span").value);
  const rows = timeline.rows.slice(-span);
  while (rows.length < span) rows.unshift(null);
  // At most as many bars as can be distinguished.
  const group = span / 60;
  const bars = [];
  for (let at = 0; at < rows.length; at += group) {
    const sums = new Array(8).fill(0);
    for (const row of rows.slice(at, at + group)) row?.forEach((count, place) => { sums[place] += count; });
    bars.push(sums);
  }
  const total = (row) => row.reduce((sum, count) => sum + count, 0);
  const most = Math.max(4, ...bars.map(total));
  const svg = byId("chart");
  const [width, height] = [600, 120];
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const drawn = [0.25, 0.5, 0.75, 1].map((part) =>
    shape("line", { class: "gridline", x1: 0, x2: width, y1: height * part - 0.5, y2: height * part - 0.5 }));
  bars.forEach((row, place) => {
    let top = height;
    row.forEach((count, priority) => {
      if (!count) return;
      const tall = Math.max(1.5, (count / most) * (height - 4));
      top -= tall;
      const bar = shape("rect", { class: "bar", x: place * (width / 60) + 1, y: Math.max(0, top), width: width / 60 - 2, height: tall, rx: 1 }, { p: priority });
      const title = shape("title", {});
      title.textContent = `${number(count)} ${PRIORITIES[priority]}`;
      bar.append(title);
      drawn.push(bar);
    });
  });
  svg.replaceChildren(...drawn);
  const sums = PRIORITIES.map((_, priority) => bars.reduce((sum, row) => sum + row[priority], 0));
  const said = sums.map((sum, priority) => (sum ? `${number(sum)} ${PRIORITIES[priority]}` : "")).filter(Boolean);
  svg.setAttribute("aria-label", `Alerts of the last ${span / 6} minutes: ${said.join(", ") || "none"}; at most ${number(most)} in ${group * timeline.step} seconds`);
  byId("legend").replaceChildren(...sums.flatMap((sum, priority) =>
    sum ? [element("span", { data: { p: priority } }, `${PRIORITIES[priority]} ${number(sum)}`)] : []));
  byId("most").textContent = `at most ${number(most)} in ${group * timeline.step} s`;
  const now = timeline.now;
  byId("axis").replaceChildren(...[1, 0.75, 0.5, 0.25, 0].map((part) =>
    element("span", {}, part ? clock(now - span * timeline.step * part * 1000).slice(0, 5) : "now")));
}
