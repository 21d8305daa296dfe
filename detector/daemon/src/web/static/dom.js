// Utilities of all views. Text is only ever set as text: what an alert contains is never markup.

export const PRIORITIES = ["Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug"];

export const byId = (id) => document.getElementById(id);

// Controls, separators of lines, and marks of direction: what makes text look like other text.
const ODD = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Returns a text with its odd characters as their codes. */
export const plain = (text) => text.replace(ODD, (odd) => `\\u${odd.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** Creates an element with properties and children; `data` sets data attributes, `aria-…` and others are attributes. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "data") Object.assign(made.dataset, value);
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "class") made.className = value;
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== null).map((child) => typeof child === "string" ? plain(child) : child));
  return made;
}

export function pill(priority) {
  return element("span", { class: "pill", data: { p: priority } }, PRIORITIES[priority]);
}

const NUMBER = new Intl.NumberFormat("en");
export const number = (value) => NUMBER.format(value);

/** Returns a short form of a number: 12.3k. */
export function short(value) {
  if (value < 10000) return number(Math.round(value * 10) / 10);
  const steps = [[1e9, "G"], [1e6, "M"], [1e3, "k"]];
  const [size, unit] = steps.find(([size]) => value >= size);
  return (value / size).toPrecision(3) + unit;
}

export function clock(ms) {
  const date = new Date(ms);
  const two = (part) => String(part).padStart(2, "0");
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const today = new Date().toDateString() === date.toDateString();
  return today ? time : `${date.getMonth() + 1}/${date.getDate()} ${time.slice(0, 5)}`;
}

export function duration(seconds) {
  const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const at = Math.max(0, parts.findIndex(([size]) => seconds >= size));
  const said = parts.slice(at, at + 2).map(([size, unit], place) => {
    const count = place === 0 ? Math.floor(seconds / size) : Math.floor((seconds % parts[at][0]) / size);
    return count > 0 || place === 0 ? `${count} ${unit}` : "";
  });
  return said.filter(Boolean).join(" ");
}
