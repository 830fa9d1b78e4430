// Who a server is. One that is down or has just restarted is who it was before, and marked so.

const factOf = (server, name) => ((server.facts || {})[name] || {}).value;
const latest = (server, name) => server[name] || (server.last_known || {})[name] || null;

const engineOf = (server) => latest(server, "engine_title") || latest(server, "engine");
const releaseOf = (server) => latest(server, "release") || latest(server, "version");
const modelOf = (server) => latest(server, "model");
const runnerOf = (server) => factOf(server, "runner") || (server.last_known || {}).runner || null;
const gpusOf = (server) => server.gpus ?? (server.last_known || {}).gpus ?? null;

// The words for what is known of the past alone; null where the server has told it itself.
const pastOf = (server) => (server.last_known ? (server.up === false ? "before it went down" : "before its restart") : null);

// A release by its engine, name and model runner.
function releaseName(engine, release, runner) {
  const name = [engine, release].filter(known).join(" ");
  return name ? [name, known(runner) ? `runner ${runner}` : null].filter(known).join(" \u00b7 ") : "unknown version";
}

const versionOf = (server) => releaseName(engineOf(server), releaseOf(server), runnerOf(server));
