// What opens under a row: each reading with its meaning, each fact with its source.

const hit = (server, cache) => percent((server.prefix_cache_hit_ratio || {})[cache]);
const unit = (text, name) => (text === null ? null : `${text} ${name}`);

const READINGS = [
  ["Generated", (s) => unit(rate(s.generation_tokens_per_second), "tok/s"), "by the whole server"],
  ["Prompt", (s) => unit(rate(s.prompt_tokens_per_second_per_gpu), "tok/s per GPU"), "prompt tokens taken in, cached ones included"],
  ["Prompt computed", (s) => unit(rate(s.prompt_tokens_computed_per_second_per_gpu), "tok/s per GPU"),
    "prompt tokens the engine worked out itself"],
  ["Prompt from caches", (s) => percent(s.prompt_cached_ratio), "share of all prompt tokens, every cache counted"],
  ["Prefix hits, local", (s) => hit(s, "local"), "of tokens looked up in the engine's cache"],
  ["Prefix hits, external", (s) => hit(s, "external"), "of tokens looked up in an external cache"],
  ["Running", (s) => whole(s.requests_running), "requests in the batch, prefill and decode"],
  ["Waiting", (s) => whole(s.requests_waiting), "requests not yet in the batch"],
  ["Decode batch", (s) => rate(s.decode_batch), "mean sequences decoding at once"],
  ["Occupancy", (s) => percent(s.batch_occupancy_ratio), "share of the sequence limit in use"],
  ["Token budget", (s) => percent(s.token_budget_ratio), "share of the tokens a step may hold"],
  ["KV cache", (s) => percent(s.kv_cache_usage_ratio), "in use; high is normal under load"],
  ["Energy", (s) => unit(three(s.joules_per_token), "J"), "for each token generated, while there was work"],
  ["Energy, all tokens", (s) => unit(three(s.joules_per_processed_token), "J"), "for each token computed, prompt and generated"],
  ["Idle power", (s) => unit(whole(s.idle_power_watts), "W"), "of all its GPUs while no request was there"],
  ["Preempted", (s) => unit(rate(s.preemptions_per_second), "requests/s"), "thrown out of the batch for lack of KV cache"],
];

const IDENTITY = [
  ["Class", (s) => s.class, "servers compare only within one class"],
  ["Config", (s) => s.config, "differs where any known setting differs"],
  ["GPUs", (s) => whole(s.gpus), (s) => (known(s.gpus_source) ? `from ${s.gpus_source}` : null)],
  ["GPU model", (s) => s.gpu_model],
  ["Started", (s) => (known(s.start_time) ? moment(s.start_time) : null), (s) => (known(s.start_time) ? `${span(Date.now() / 1000 - s.start_time)} ago` : null)],
  ["Reading took", (s) => span(s.scrape_duration_seconds)],
];

function readings(server, rows) {
  return element("dl", { class: "readings" }, ...rows.map(([name, read, meaning]) => {
    const remark = typeof meaning === "function" ? meaning(server) : meaning;
    return element("div", {}, element("dt", {}, name), element("dd", {}, shown(read(server))),
      known(remark) ? element("dd", { class: "meaning" }, remark) : null);
  }));
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
    element("div", { class: "column" }, block("Readings", readings(server, READINGS)),
      block("Identity", readings(server, IDENTITY))));
}
