// What a server's state is called, and the columns of the table.

const ENGINES = new Map([["vllm", "vLLM"], ["sglang", "SGLang"]]);

const BOUNDS = new Map([
  ["demand", ["demand", "Nothing holds the engine back: more requests would give more tokens."]],
  ["sequences", ["sequence limit", "The batch is as large as max_num_seqs allows."]],
  ["kv_cache", ["KV cache", "No room in the KV cache for a larger batch."]],
  ["token_budget", ["token budget", "Steps are as large as max_num_batched_tokens allows."]],
]);

const engineOf = (server) => ENGINES.get(server.engine) || server.engine || null;
const releaseOf = (server) => server.release || server.version || null;

// Rank 0 stands first. Word and sign tell what the colour tells.
function stateOf(server, fleet) {
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
  const patience = 3 * (fleet.interval_seconds || 5);
  if (known(server.age_seconds) && server.age_seconds > patience) {
    return { rank: 2, id: "stale", word: "Stale", sign: "◔",
      reason: `Last read ${span(server.age_seconds)} ago: the figures are old, not live.` };
  }
  if (server.up !== true) {
    return { rank: 3, id: "new", word: "Not read yet", sign: "○", reason: "The first reading has not come in." };
  }
  return { rank: 4, id: "up", word: "Up", sign: "●", reason: null };
}

function chip(text, kind, title) {
  return element("span", { class: `chip ${kind || ""}`, title }, text);
}

// `read` gives what the cell depends on; `draw` turns that into nodes, when it changed.
const COLUMNS = [
  { id: "engine", head: "Engine", title: "Engine, its version, and the release you declared where that differs",
    read: (s) => [engineOf(s), s.version, s.release],
    draw: ([engine, version, release]) => {
      if (![engine, version, release].some(known)) return [unknown()];
      const own = known(release) && release !== version;
      return [element("span", { class: "make" }, shown(engine)), " ",
        element("span", { class: "version" }, shown(version)),
        own ? element("span", { class: "release", title: "declared release" }, release) : null];
    } },
  { id: "model", head: "Model", title: "Model name as served",
    read: (s) => [s.model],
    draw: ([model]) => [known(model) ? element("span", { class: "long", title: model }, model) : unknown()] },
  { id: "gpus", head: "GPUs", title: "GPUs under the server",
    read: (s) => [whole(s.gpus), s.gpu_model, s.gpus_source, powerOf(s), troubleOf(s)],
    draw: ([gpus, model, source, power, trouble]) => [
      element("span", { title: source ? `number from ${source}` : null }, shown(gpus)),
      known(model) ? element("span", { class: "kind", title: model }, ` × ${shortModel(model)}`) : null,
      power === null ? null : element("small", { title: "drawn now, of the limits in force" }, power),
      trouble === null ? null : element("small", { class: "warning" }, trouble)] },
  { id: "generation", head: "Generated", unit: "tok/s/GPU", number: true, main: true,
    title: "Tokens generated per second and GPU; the line shows the last minutes and begins at zero",
    read: (s) => [rate(s.generation_tokens_per_second_per_gpu), s.history],
    draw: ([figure, history]) => [spark(history), element("span", { class: "figure" }, shown(figure))] },
  { id: "prompt", head: "Prompt", unit: "tok/s/GPU", number: true,
    title: "Prompt tokens taken in per second and GPU, cached ones included",
    read: (s) => [rate(s.prompt_tokens_per_second_per_gpu)],
    draw: ([figure]) => [shown(figure)] },
  { id: "occupancy", head: "Occupancy", number: true, title: "Share of the sequence limit in use",
    read: (s) => [s.batch_occupancy_ratio],
    draw: ([ratio]) => bar(ratio, "batch occupancy") },
  { id: "kv", head: "KV cache", number: true,
    title: "Share of the KV cache in use; high is normal under load, preemptions are the harm",
    read: (s) => [s.kv_cache_usage_ratio],
    draw: ([ratio]) => bar(ratio, "KV cache in use") },
  { id: "hits", head: "Prefix hits", number: true,
    title: "Share of looked-up prompt tokens found in the local prefix cache; ext: in the external one",
    read: (s) => [percent((s.prefix_cache_hit_ratio || {}).local), percent((s.prefix_cache_hit_ratio || {}).external)],
    draw: ([local, external]) => [shown(local),
      external === null ? null : element("small", { title: "external prefix cache" }, `ext ${external}`)] },
  { id: "bound", head: "Bound by", title: "What keeps the server from giving more tokens",
    read: (s) => [s.bound, s.preemptions_per_second],
    draw: ([bound, preemptions]) => {
      const [word, meaning] = BOUNDS.get(bound) || [bound, null];
      return [known(word) ? chip(word, `bound ${bound === "demand" ? "" : "limit"}`, meaning) : unknown(),
        preemptions > 0 ? element("small", { class: "warning", title: "requests thrown out of the batch for lack of KV cache" },
          `${rate(preemptions)} preempted/s`) : null];
    } },
  { id: "waiting", head: "Waiting", number: true, title: "Requests not yet in the batch",
    read: (s) => [whole(s.requests_waiting)],
    draw: ([figure]) => [shown(figure)] },
  { id: "age", head: "Read", number: true, title: "How long ago the server was read",
    read: (s, elapsed) => [known(s.age_seconds) ? span(Math.round(s.age_seconds + elapsed) || 1) : null],
    draw: ([age]) => (age === null ? [unknown()] : [age, element("span", { class: "ago" }, " ago")]) },
];
