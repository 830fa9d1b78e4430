// Numbers, times and elements. What is unknown is shown as an en dash, never as 0.
// Text from servers reaches the page through textContent only.

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const TENTH = new Intl.NumberFormat("en", { maximumFractionDigits: 1, minimumFractionDigits: 1 });
const HUNDREDTH = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const SVG = "http://www.w3.org/2000/svg";

const known = (value) =>
  value !== null && value !== undefined && value !== "" &&
  (typeof value !== "number" || Number.isFinite(value));

const whole = (value) => (known(value) ? WHOLE.format(value) : null);

function rate(value) {
  if (!known(value)) return null;
  if (Math.abs(value) >= 100) return WHOLE.format(value);
  return (Math.abs(value) >= 10 ? TENTH : HUNDREDTH).format(value);
}

// Seconds: whole from 10 s on, in milliseconds below 1 s.
function duration(seconds) {
  if (!known(seconds)) return null;
  if (seconds === 0) return "0 s";
  if (seconds < 1) return `${rate(seconds * 1000)} ms`;
  return `${(seconds >= 10 || Number.isInteger(seconds) ? WHOLE : TENTH).format(seconds)} s`;
}

const three = (value) => (known(value) ? String(Number(value.toPrecision(3))) : null);

function percent(ratio) {
  if (!known(ratio)) return null;
  const hundred = ratio * 100;
  return `${hundred > 0 && hundred < 9.95 ? TENTH.format(hundred) : WHOLE.format(hundred)}%`;
}

function span(seconds) {
  if (!known(seconds)) return null;
  const past = Math.max(seconds, 0);
  if (past < 1) return `${WHOLE.format(past * 1000)} ms`;
  if (past < 10 && !Number.isInteger(past)) return `${TENTH.format(past)} s`;
  if (past < 120) return `${WHOLE.format(past)} s`;
  if (past < 7200) return `${Math.floor(past / 60)} min`;
  if (past < 172800) return `${Math.floor(past / 3600)} h`;
  return `${Math.floor(past / 86400)} d`;
}

const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString("en-GB");
const moment = (seconds) => new Date(seconds * 1000).toLocaleString("sv-SE");

function element(name, attributes = {}, ...content) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(key, "");
    else if (known(value) && value !== false) node.setAttribute(key, value);
  }
  node.append(...content.filter((item) => item !== null && item !== undefined));
  return node;
}

function svgElement(name, attributes, ...content) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...content);
  return node;
}

const unknown = () =>
  element("span", { class: "unknown", title: "unknown", role: "img", "aria-label": "unknown" }, "–");

const shown = (value) => (known(value) ? String(value) : unknown());

function bar(ratio, label) {
  const text = percent(ratio);
  if (text === null) return [unknown()];
  const width = Math.min(Math.max(ratio, 0), 1) * 100;
  const track = svgElement("svg", { class: "bar", viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" },
    svgElement("rect", { class: "track", width: 100, height: 4 }),
    svgElement("rect", { class: "fill", width: width.toFixed(1), height: 4 }));
  return [element("span", { class: "figure", title: label }, text), track];
}

// The points of [seconds, value] pairs as path pieces; a missed reading breaks the line.
function pieces(history, width, height, most) {
  const first = history[0][0];
  const long = Math.max(history[history.length - 1][0] - first, 1e-9);
  const steps = history.slice(1).map((point, i) => point[0] - history[i][0]).sort((a, b) => a - b);
  const gap = 3 * (steps[steps.length >> 1] || long);
  const lines = [];
  let last = null;
  for (const [time, value] of history) {
    if (!known(value)) { last = null; continue; }
    if (last === null || time - last > gap) lines.push([]);
    const x = ((time - first) / long) * width;
    const y = height - (Math.max(value, 0) / most) * height;
    lines[lines.length - 1].push([x.toFixed(1), y.toFixed(1)]);
    last = time;
  }
  return lines;
}

// A line over time that begins at zero, so that half as high is half as fast.
function curve(history, width, height, most, name) {
  const top = 1.5;
  const body = svgElement("g", { transform: `translate(0 ${top})` });
  for (const piece of pieces(history, width, height - 2 * top, most)) {
    const line = piece.map((point) => point.join(" ")).join("L");
    const [from, to] = [piece[0][0], piece[piece.length - 1][0]];
    const floor = height - 2 * top;
    body.append(svgElement("path", { class: "area", d: `M${from} ${floor}L${line}L${to} ${floor}Z` }),
      svgElement("path", { class: "line", d: `M${line}`, "vector-effect": "non-scaling-stroke" }));
  }
  return svgElement("svg", { class: name, viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" }, body);
}

function highest(history) {
  return Math.max(...history.map((point) => (known(point[1]) ? point[1] : 0)), 0);
}

function usable(history) {
  return Array.isArray(history) && history.filter((point) => known(point[1])).length > 1;
}

function spark(history) {
  if (!usable(history)) return null;
  return curve(history, 76, 22, highest(history) || 1, "spark");
}
