// Servers of one release or one model under a head of their own, with what they give together.

function groupOf(server) {
  if (view.group === "version") return versionOf(server);
  return view.group === "model" ? modelOf(server) || "unknown model" : "";
}

function sum(servers, read) {
  const values = servers.map(read).filter(known);
  return values.length > 0 ? values.reduce((a, b) => a + b, 0) : null;
}

// The releases of a group as the exporter adds them up, each model apart: side by side, tokens per
// second of different models would read as a verdict on their versions.
function releaseSums(name, servers) {
  const { releases = [], servers: all = [] } = view.fleet;
  const of = view.group === "model" ? (row) => row.model === name
    : (row) => releaseName(row.engine_title || row.engine, row.release || row.version, row.runner) === name;
  // sums of all servers of a group say nothing of those that a filter leaves
  if (servers.length < all.filter((server) => groupOf(server) === name).length) return [];
  return releases.filter(of).map((row) => [
    view.group === "model" ? releaseName(row.engine_title || row.engine, row.release || row.version, row.runner) : row.model || "unknown model",
    [[whole(row.servers), row.servers === 1 ? "server" : "servers"],
      [rate(row.generation_tokens_per_second), "tok/s"],
      [rate(row.generation_tokens_per_second_per_gpu), "tok/s per GPU"],
      [duration(row.time_to_first_token_mean_seconds), "to the first token"],
      [duration(row.inter_token_latency_mean_seconds), "between tokens"],
      [percent(row.batch_occupancy_ratio), "occupancy"]]]);
}

function groupHead(name, servers) {
  let head = heads.get(name);
  if (head === undefined) {
    head = element("tbody", { class: "group", role: "rowgroup" }, element("tr", { role: "row" },
      element("th", { colspan: COLUMNS.length + 2, scope: "rowgroup", role: "rowheader" })));
    heads.set(name, head);
  }
  const unknownGpus = servers.some((server) => !known(gpusOf(server)));
  const figures = [[whole(servers.length), servers.length === 1 ? "server" : "servers"],
    [unknownGpus ? null : whole(sum(servers, gpusOf)), "GPUs"]];
  const sums = (list) => list.map(([figure, what]) => element("span", { class: "sum" }, shown(figure), ` ${what}`));
  update(head.firstChild.firstChild, [name, figures, releaseSums(name, servers)], ([label, own, releases]) => [
    element("span", { class: "label" }, label), ...sums(own),
    ...releases.map(([part, list]) => element("div", { class: "part" }, element("span", { class: "label" }, part), ...sums(list)))]);
  return head;
}
