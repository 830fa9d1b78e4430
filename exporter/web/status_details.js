// What opens under a row: each figure with its meaning, each fact with its source.

const unit = (text, name) => (text === null ? null : `${text} ${name}`);

const IDENTITY = [
  ["Model", (s) => modelOf(s), (s) => (known(s.model) ? null : pastOf(s))],
  ["Version", (s) => s.version ?? (s.last_known || {}).version, (s) => (known(s.version) ? null : pastOf(s))],
  ["Model runner", (s) => runnerOf(s), (s) => (known(factOf(s, "runner")) ? null : pastOf(s))],
  ["Class", (s) => s.class, "servers compare only within one class"],
  ["Config", (s) => s.config, "differs where any known setting differs"],
  ["GPUs", (s) => whole(s.gpus), (s) => (known(s.gpus_source) ? `from ${s.gpus_source}` : null)],
  ["GPU model", (s) => s.gpu_model],
  ["Started", (s) => (known(s.start_time) ? moment(s.start_time) : null), (s) => (known(s.start_time) ? `${span(Date.now() / 1000 - s.start_time)} ago` : null)],
  ["Reading took", (s) => span(s.scrape_duration_seconds)],
];

function identityRows(server) {
  return IDENTITY.map(([title, read, meaning]) => [title, read(server), typeof meaning === "function" ? meaning(server) : meaning]);
}

function readings(rows) {
  return element("dl", { class: "readings" }, ...rows.map(([title, text, meaning]) =>
    element("div", {}, element("dt", {}, title), element("dd", {}, shown(text)),
      known(meaning) ? element("dd", { class: "meaning" }, meaning) : null)));
}

function factValue(value) {
  if (!known(value)) return unknown();
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : HUNDREDTH.format(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function facts(server) {
  const names = Object.keys(server.facts || {}).sort();
  if (names.length === 0) return null;
  const cell = (tag, ...content) => element(tag, { role: tag === "th" ? "rowheader" : "cell" }, ...content);
  return block("Facts and where they come from", element("table", { class: "facts", role: "table" },
    element("tbody", { role: "rowgroup" }, ...names.map((name) => {
      const fact = server.facts[name] || {};
      return element("tr", { role: "row" }, cell("th", name), cell("td", factValue(fact.value)), cell("td", shown(fact.source)));
    }))));
}

function block(title, ...content) {
  return element("section", {}, element("h3", {}, title), ...content);
}

function sentences(title, list, kind) {
  if (!Array.isArray(list) || list.length === 0) return null;
  return block(title, element("ul", { class: kind }, ...list.map((line) => element("li", {}, String(line)))));
}

function chart(server) {
  if (!usable(server.history)) return null;
  const { history } = server;
  const most = highest(history);
  return block("Generated tokens/s per GPU", element("div", { class: "chart" },
    element("span", { class: "most" }, rate(most)), element("span", { class: "least" }, "0"),
    curve(history, 600, 96, most || 1, "wide"),
    element("span", { class: "from" }, clock(history[0][0])),
    element("span", { class: "to" }, clock(history[history.length - 1][0]))));
}

function address(server) {
  if (!known(server.url)) return null;
  // A link only where it can be nothing but a web address.
  const safe = /^https?:\/\//i.test(server.url);
  return element("p", { class: "address" }, safe
    ? element("a", { href: server.url, rel: "noreferrer noopener", target: "_blank" }, server.url) : server.url);
}

function details(server) {
  return element("div", { class: "panel" },
    element("div", { class: "column" }, address(server),
      sentences("Sources that disagree", server.conflicts, "conflicts"),
      sentences("Notes", server.notes, "notes"),
      chart(server), gpus(server), facts(server)),
    element("div", { class: "column" }, block(`Over the last ${span(server.window_seconds) || "window"}`, readings(figureRows(server, false))),
      block("At the last reading", readings(figureRows(server, true))),
      block("Identity", readings(identityRows(server)))));
}
