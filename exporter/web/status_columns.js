// What a server's state is called, and the columns of the table.

// Rank 0 stands first. Word and sign tell what the colour tells.
function stateOf(server, fleet) {
  if (server.loading === true) {
    return { rank: 3, id: "new", word: "Loading", sign: "○", reason: "It has not answered for the first time yet." };
  }
  if (server.up === false) {
    return { rank: 0, id: "down", word: "Down", sign: "✕",
      reason: server.error || "The server did not answer the last reading." };
  }
  if (server.stalled === true) {
    const running = whole(server.requests_running);
    return { rank: 1, id: "stalled", word: "Stalled", sign: "‖",
      reason: `${running === null ? "Requests" : `${running} requests`} are running and no token comes out, ` +
        "whatever the server's own health page says." };
  }
  if (server.no_progress === true) {
    return { rank: 2, id: "still", word: "No progress", sign: "‖",
      reason: "Requests are shown and no token comes out: it is stalled, or its gauges are stale. " +
        "One request to it tells which." };
  }
  const staleAfter = 3 * (fleet.interval_seconds || 5);
  if (known(server.age_seconds) && server.age_seconds > staleAfter) {
    return { rank: 2, id: "stale", word: "Stale", sign: "◔",
      reason: `Last read ${span(server.age_seconds)} ago: the figures are old, not live.` };
  }
  return { rank: 4, id: "up", word: "Up", sign: "●", reason: null };
}

function chip(text, kind, title) {
  return element("span", { class: `chip ${kind || ""}`, title }, text);
}

// A column of one figure: head, unit and tooltip are the table's, `read` and `draw` the column's own.
function figureColumn(id, name, { read = (value) => [value], draw = ([text]) => [shown(text)], note, ...rest }) {
  const figure = FIGURE.get(name);
  return { id, head: figure.title, unit: figure.unit.includes("/") ? figure.unit : null, number: true,
    title: note ? `${figure.meaning}; ${note}` : figure.meaning,
    read: (server) => read(server[name], server), draw, ...rest };
}

// A latency's mean, and beneath it that of the slowest of 20.
function latencyColumn(id, name) {
  const slowest = FIGURE.get(`${name}_p95_seconds`);
  return figureColumn(id, `${name}_mean_seconds`, {
    note: `p95: ${slowest.meaning}`,
    read: (value, s) => [duration(value), duration(s[slowest.name])],
    draw: ([mean, p95]) => [shown(mean), p95 === null ? null : element("small", {}, `p95 ${p95}`)] });
}

// `read` gives what the cell depends on; `draw` turns that into nodes, when it changed.
const COLUMNS = [
  { id: "engine", head: "Engine", title: "Engine, its version, the release you declared where that differs, and vLLM's model runner",
    read: (s) => [engineOf(s), latest(s, "version"), latest(s, "release"), runnerOf(s), pastOf(s)],
    draw: ([engine, version, release, runner, past]) => {
      if (![engine, version, release].some(known)) return [unknown()];
      const own = known(release) && release !== version;
      return [element("span", { class: "make" }, shown(engine)), " ",
        element("span", { class: "version" }, shown(version)),
        own ? element("span", { class: "release", title: "declared release" }, release) : null,
        known(runner) ? element("small", { title: "vLLM's model runner" }, `runner ${runner}`) : null,
        past === null ? null : element("small", { class: "past" }, past)];
    } },
  { id: "model", head: "Model", title: "Model name as served",
    read: (s) => [modelOf(s), known(s.model) ? null : pastOf(s)],
    draw: ([model, past]) => (known(model) ? [element("span", { class: "long", title: model }, model),
      past === null ? null : element("small", { class: "past" }, past)] : [unknown()]) },
  { id: "gpus", head: "GPUs", title: "GPUs under the server",
    read: (s) => [whole(gpusOf(s)), latest(s, "gpu_model"), s.gpus_source, powerOf(s), troubleOf(s)],
    draw: ([gpus, model, source, power, trouble]) => [
      element("span", { title: source ? `number from ${source}` : null }, shown(gpus)),
      known(model) ? element("span", { class: "kind", title: model }, ` × ${shortModel(model)}`) : null,
      power === null ? null : element("small", { title: "drawn at the last reading, of the limits in force" }, power),
      trouble === null ? null : element("small", { class: "warning" }, trouble)] },
  figureColumn("generation", "generation_tokens_per_second_per_gpu", { main: true,
    note: "the line shows the last minutes and begins at zero",
    read: (value, s) => [rate(value), s.history],
    draw: ([text, history]) => [spark(history), element("span", { class: "figure" }, shown(text))] }),
  figureColumn("prompt", "prompt_tokens_per_second_per_gpu", {
    read: (value) => [rate(value)] }),
  latencyColumn("first-token", "time_to_first_token"),
  latencyColumn("between-tokens", "inter_token_latency"),
  figureColumn("occupancy", "batch_occupancy_ratio", {
    draw: ([ratio]) => bar(ratio, "batch occupancy") }),
  figureColumn("kv", "kv_cache_usage_mean_ratio", {
    draw: ([ratio]) => bar(ratio, "KV cache in use") }),
  figureColumn("hits", "prefix_cache_hit_ratio", {
    note: "of the local cache; ext: of the external one",
    read: (value) => [percent((value || {}).local), percent((value || {}).external)],
    draw: ([local, external]) => [shown(local),
      external === null ? null : element("small", { title: "external prefix cache" }, `ext ${external}`)] }),
  figureColumn("bound", "bound", { number: false,
    read: (value, s) => [value, s.preemptions_per_second],
    draw: ([bound, preemptions]) => {
      const { title, meaning } = FIGURE.get("bound").states[bound] || { title: bound, meaning: null };
      const preempted = FIGURE.get("preemptions_per_second");
      return [known(title) ? chip(title, `bound ${bound === "demand" ? "" : "limit"}`, meaning) : unknown(),
        preemptions > 0 ? element("small", { class: "warning", title: `requests ${preempted.meaning}` },
          `${rate(preemptions)} preempted/s`) : null];
    } }),
  figureColumn("waiting", "requests_queued_mean", {
    read: (value) => [rate(value)] }),
  { id: "age", head: "Read", number: true, title: "How long ago the server was read",
    read: (s, elapsed) => [known(s.age_seconds) ? span(Math.round(s.age_seconds + elapsed) || 1) : null],
    draw: ([age]) => (age === null ? [unknown()] : [age, element("span", { class: "ago" }, " ago")]) },
];
