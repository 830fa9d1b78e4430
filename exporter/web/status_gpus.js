// The GPUs under a server: their power, their activity, and what throttles them.

// "NVIDIA H100 80GB HBM3" is an H100 to whoever looks for trouble; the title tells the rest.
const shortModel = (model) => model.replace(/^NVIDIA /, "").replace(/ \d+GB HBM\d\w*$/, "");
const telemetryOf = (server) => server.gpu_telemetry || [];

function powerOf(server) {
  const measured = telemetryOf(server).filter((gpu) => known(gpu.power_watts));
  if (measured.length === 0) return null;
  const limits = measured.every((gpu) => known(gpu.power_limit_watts));
  const power = whole(sum(measured, (gpu) => gpu.power_watts));
  return limits ? `${power} of ${whole(sum(measured, (gpu) => gpu.power_limit_watts))} W now` : `${power} W now`;
}

// A power cap is how a busy GPU works; heat, a brake or a lost GPU is trouble.
function troubleOf(server) {
  const gpus = telemetryOf(server);
  const lost = gpus.filter((gpu) => gpu.up === 0).length;
  if (lost > 0) return `${lost} of ${gpus.length} lost`;
  const reasons = new Set(gpus.flatMap((gpu) => gpu.throttled || []).filter((reason) => reason !== "sw_power_cap"));
  return reasons.size > 0 ? `held down: ${[...reasons].sort().join(", ")}` : null;
}

const GIB = 2 ** 30;
const TIES = new Map([["pod", "by its pod"], ["process", "by its processes"], ["declared", "as declared"]]);
const of = (part, most, name) => (part === null ? null : `${part}${most === null ? "" : ` of ${most}`} ${name}`);

const GPU_FIGURES = [
  ["Power", (g) => of(whole(g.power_watts), whole(g.power_limit_watts), "W")],
  ["Memory", (g) => of(rate(known(g.memory_used_bytes) ? g.memory_used_bytes / GIB : null),
    rate(known(g.memory_total_bytes) ? g.memory_total_bytes / GIB : null), "GiB")],
  ["Tensor", (g) => percent(g.tensor_active_ratio)],
  ["DRAM", (g) => percent(g.dram_active_ratio)],
  ["SMs", (g) => percent(g.sm_active_ratio)],
  ["SM clock", (g) => unit(whole(known(g.sm_clock_hertz) ? g.sm_clock_hertz / 1e6 : null), "MHz")],
  ["Heat", (g) => unit(whole(g.temperature_celsius), "°C")],
  ["Held down by", (g) => (g.up === 0 ? "the GPU is lost" : g.throttled && (g.throttled.join(", ") || "nothing"))],
];

function gpus(server) {
  if (telemetryOf(server).length === 0) return null;
  const head = element("tr", { role: "row" }, ...["GPU", ...GPU_FIGURES.map(([name]) => name)].map((name) =>
    element("th", { scope: "col", role: "columnheader" }, name)));
  return block(`GPUs of the server, ${TIES.get(server.gpu_link) || ""}`, element("div", { class: "across" },
    element("table", { class: "gpus", role: "table" }, element("thead", { role: "rowgroup" }, head),
      element("tbody", { role: "rowgroup" }, ...telemetryOf(server).map((gpu) => element("tr", { role: "row" },
        element("th", { scope: "row", role: "rowheader", "data-head": "GPU", title: [gpu.model, gpu.uuid, gpu.host].filter(known).join(" ") },
          known(gpu.index) ? gpu.index : String(gpu.uuid).slice(0, 8)),
        ...GPU_FIGURES.map(([name, read]) => element("td", { role: "cell", "data-head": name }, shown(read(gpu))))))))));
}
