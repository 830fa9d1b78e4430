// The page: totals, versions, one <tbody> per server, and the refresh.
// Rows are kept and only cells that changed are drawn again, so that hundreds of servers stay smooth.

const REFRESH_MS = 5000;
const TIMEOUT_MS = 10000;
const names = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
const find = (id) => document.getElementById(id);
const rows = new Map();
const heads = new Map();
const view = { fleet: {}, received: 0, lost: null, group: "", versions: new Set() };

// The page lies at the root of the exporter, whatever path a proxy puts before it.
const here = location.href.replace(/[?#].*$/, "").replace(/\/?$/, "/");
for (const link of document.querySelectorAll("nav a")) link.href = here + link.getAttribute("href");

function update(cell, value, draw) {
  const key = JSON.stringify(value);
  if (cell.content === key) return;
  cell.content = key;
  cell.replaceChildren(...draw(value).filter((node) => node !== null && node !== undefined));
}

function newRow(target) {
  const body = element("tbody", { role: "rowgroup" });
  const open = element("button", { type: "button", class: "target", title: target, "aria-expanded": "false" }, target);
  const sign = element("td", { class: "state", role: "cell" });
  const main = element("tr", { class: "main", role: "row" }, sign, element("th", { scope: "row", class: "name", role: "rowheader" }, open));
  const cells = COLUMNS.map((column) => {
    const kind = `${column.id}${column.number ? " number" : ""}${column.main ? " first" : ""}`;
    return element("td", { class: kind, "data-head": [column.head, column.unit].filter(known).join(", "), role: "cell" });
  });
  main.append(...cells);
  const message = element("td", { colspan: COLUMNS.length + 1, role: "cell" });
  const reason = element("tr", { class: "reason", role: "row", hidden: true }, element("td", { role: "cell" }), message);
  body.append(main, reason);
  const row = { body, main, open, sign, cells, reason, message, more: null, server: null };
  main.addEventListener("click", (event) => {
    if (event.target.closest("a") || (getSelection().toString() && event.target !== open)) return;
    toggle(row);
  });
  return row;
}

function toggle(row) {
  const opened = row.more === null;
  row.open.setAttribute("aria-expanded", String(opened));
  row.body.classList.toggle("open", opened);
  if (opened) {
    row.more = element("tr", { class: "more", role: "row" }, element("td", { colspan: COLUMNS.length + 2, role: "cell" }));
    row.body.append(row.more);
    update(row.more.firstChild, row.server, (server) => [details(server)]);
  } else {
    row.more.remove();
    row.more = null;
  }
}

function drawRow(row, server, state, elapsed) {
  row.server = server;
  row.body.dataset.state = state.id;
  update(row.sign, [state.sign, state.word], ([sign, word]) =>
    [element("span", { class: "sign", title: word, role: "img", "aria-label": word }, sign)]);
  COLUMNS.forEach((column, i) => update(row.cells[i], column.read(server, elapsed), column.draw));
  row.reason.hidden = state.reason === null;
  update(row.message, [state.word, state.reason, server.up === false ? server.error_reason : null], ([word, reason, code]) =>
    reason === null ? [] : [element("strong", {}, word), " ", reason, known(code) ? element("code", {}, code) : null]);
  if (row.more !== null) update(row.more.firstChild, server, (now) => [details(now)]);
}

function matches(server, state, words) {
  if (view.versions.size > 0 && !view.versions.has(versionOf(server))) return false;
  if (words.length === 0) return true;
  const bound = figureText(FIGURE.get("bound"), server.bound);
  const text = [server.target, modelOf(server), versionOf(server), latest(server, "version"), latest(server, "gpu_model"), state.word, bound]
    .filter(known).join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}

function drawTable() {
  const { fleet } = view;
  const elapsed = (Date.now() - view.received) / 1000;
  const words = find("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const all = (fleet.servers || []).map((server) => ({ server, state: stateOf(server, fleet), group: groupOf(server) }));
  const chosen = all.filter((entry) => matches(entry.server, entry.state, words));
  chosen.sort((a, b) => names.compare(a.group, b.group) || a.state.rank - b.state.rank ||
    names.compare(a.server.target, b.server.target));
  const order = [];
  for (const [i, entry] of chosen.entries()) {
    if (view.group && (i === 0 || chosen[i - 1].group !== entry.group)) {
      order.push(groupHead(entry.group, chosen.filter((other) => other.group === entry.group).map((other) => other.server)));
    }
    const { target } = entry.server;
    if (!rows.has(target)) rows.set(target, newRow(target));
    drawRow(rows.get(target), entry.server, entry.state, elapsed);
    order.push(rows.get(target).body);
  }
  arrange(order);
  const alive = new Set(all.map((entry) => entry.server.target));
  for (const target of rows.keys()) if (!alive.has(target)) rows.delete(target);
  find("empty").hidden = chosen.length > 0;
  find("empty").textContent = all.length === 0 ? "No server is known yet. Targets come from the configuration file and from discovery."
    : `None of ${WHOLE.format(all.length)} servers matches.`;
  return all;
}

// Put the bodies in order, moving none that already stands right, so that focus and selection stay.
function arrange(order) {
  const table = find("fleet");
  const wanted = new Set(order);
  for (const body of [...table.tBodies]) if (!wanted.has(body)) body.remove();
  let next = table.tHead.nextSibling;
  for (const body of order) {
    if (body === next) next = next.nextSibling;
    else table.insertBefore(body, next);
  }
}

function tile(label, figure, note, extra) {
  return element("div", { class: `tile ${extra || ""}` }, element("h2", {}, label),
    element("p", { class: "value" }, ...[figure].flat()), element("p", { class: "note" }, note || ""));
}

function drawTiles(all) {
  const totals = view.fleet.totals || {};
  const troubled = [["down"], ["stalled"], ["still", "without progress"], ["stale"]].map(([id, word = id]) => [all.filter((entry) => entry.state.id === id).length, word]).filter(([n]) => n > 0);
  const recent = `mean of the last ${span(view.fleet.window_seconds) || "window"}`;
  const up = element("span", {}, shown(whole(totals.up)), element("small", {}, ` of ${whole(totals.servers) ?? "–"}`));
  const normal = all.length === 0 ? ["none known yet", ""] : ["all as they should be", "fine"];
  const [note, kind] = troubled.length > 0 ? [troubled.map(([n, id]) => `${n} ${id}`).join(" · "), "trouble"] : normal;
  const live = all.map((entry) => entry.server).filter((server) => server.up !== false);
  const without = live.filter((server) => !known(server.gpus)).length;
  const counted = sum(live, (server) => server.gpus);
  const gpusNote = without > 0 ? `${known(counted) ? `${whole(counted)} known, ` : ""}unknown of ${without} of ${whole(totals.up)}` : "under these servers";
  update(find("tiles"), [totals, note, recent, gpusNote], () => [
    tile("Servers up", up, note, kind),
    tile("GPUs", shown(whole(totals.gpus)), gpusNote),
    tile("Generated tok/s", shown(rate(totals.generation_tokens_per_second)), recent),
    tile("Per GPU", shown(rate(totals.generation_tokens_per_second_per_gpu)), "generated tok/s", "key"),
    tile("Prompt per GPU", shown(rate(totals.prompt_tokens_per_second_per_gpu)), "tok/s, cached ones included"),
    tile("Occupancy", shown(percent(totals.batch_occupancy_ratio)), "of the sequence limits"),
    tile("Prefix hits", shown(percent(totals.prefix_cache_hit_ratio)), "of looked-up prompt tokens"),
  ]);
}

function drawVersions() {
  const counts = new Map();
  for (const server of view.fleet.servers || []) counts.set(versionOf(server), (counts.get(versionOf(server)) || 0) + 1);
  for (const version of view.versions) if (!counts.has(version)) view.versions.delete(version);
  const list = [...counts].sort((a, b) => names.compare(a[0], b[0])).map(([version, n]) => [version, n, view.versions.has(version)]);
  update(find("versions"), list, () => list.map(([version, n, pressed]) => {
    const button = element("button", { type: "button", class: "chip", "aria-pressed": String(pressed), title: "show only this version" },
      version, element("small", {}, ` ×${n}`));
    button.addEventListener("click", () => {
      if (!view.versions.delete(version)) view.versions.add(version);
      draw();
    });
    return button;
  }));
}

function drawStatus() {
  const { fleet, lost } = view;
  const at = known(fleet.generated_at) ? clock(fleet.generated_at) : "an unknown time";
  find("pulse").textContent = lost ? "" : `live · ${at}`;
  find("lost").hidden = !lost;
  if (lost) find("lost").textContent = `Connection lost, data from ${at} (${lost}). Trying again every ${REFRESH_MS / 1000} s.`;
  document.body.classList.toggle("lost", Boolean(lost));
  const problems = fleet.problems || [];
  find("problems").hidden = problems.length === 0;
  update(find("problems").firstElementChild, problems, () => problems.map((line) => element("li", {}, String(line))));
  const facts = [known(fleet.inferfleet_version) ? `inferfleet ${fleet.inferfleet_version}` : null,
    known(fleet.interval_seconds) ? `reads every ${span(fleet.interval_seconds)}` : null,
    known(fleet.window_seconds) ? `rates over ${span(fleet.window_seconds)}` : null, "– means unknown"];
  find("foot").textContent = facts.filter(known).join(" · ");
}

function draw() {
  drawVerdicts();
  drawVersions();
  drawTiles(drawTable());
  drawStatus();
}

function show(fleet) {
  Object.assign(view, { fleet, received: Date.now(), lost: null });
}

async function refresh() {
  try {
    const response = await fetch(`${here}api/v1/fleet`, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok) throw new Error(`the exporter answered ${response.status}`);
    show(await response.json());
  } catch (error) {
    // A browser's own words for a fetch that failed differ and say little.
    view.lost = error instanceof TypeError || error.name === "TimeoutError" ? "the exporter does not answer" : error.message;
  }
  draw();
}

async function keepFresh() {
  try {
    if (!document.hidden) await refresh();
  } finally {
    setTimeout(keepFresh, REFRESH_MS);
  }
}

function headings() {
  const cells = COLUMNS.map((column) => element("th", { scope: "col", class: `${column.id}${column.number ? " number" : ""}${column.main ? " first" : ""}`, title: column.title, role: "columnheader" },
    column.head, column.unit ? element("small", {}, column.unit) : null));
  find("fleet").tHead.append(element("tr", { role: "row" },
    element("th", { scope: "col", class: "state", role: "columnheader" }, element("span", { class: "hidden" }, "State")),
    element("th", { scope: "col", class: "name", role: "columnheader" }, "Server"), ...cells));
}

for (const button of find("grouping").querySelectorAll("button")) {
  button.addEventListener("click", () => {
    view.group = button.dataset.group;
    for (const other of find("grouping").querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === button));
    draw();
  });
}
find("filter").addEventListener("input", draw);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
headings();
show(JSON.parse(find("data").textContent));
draw();
setTimeout(keepFresh, REFRESH_MS);
