// The verdicts on upgrades, what to do on each, and what they rest on.

const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

// A number and its percent sign stay on one line.
const unbroken = (text) => String(text).replaceAll(" %", "\u00a0%");

// What to do: of sides that cannot be compared what would help, of others what follows.
function nextStep(verdict) {
  const { remedy } = (verdict.measures || {}).decode || {};
  const step = verdict.verdict === "not_comparable" && known(remedy) ? sentence(unbroken(remedy))
    : (VERDICTS[verdict.verdict] || {}).next_step;
  const expected = verdict.answer_expected_at;
  return [step, known(expected) ? `An answer can be expected at about ${moment(expected)}.` : null].filter(known).join(" ");
}

function verdictEntry(verdict) {
  const { title } = VERDICTS[verdict.verdict] || { title: verdict.verdict };
  return element("article", { class: "verdict", "data-verdict": verdict.verdict },
    element("p", { class: "word" }, title),
    element("div", {}, element("p", { class: "headline" }, unbroken(verdict.headline)),
      element("p", { class: "next" }, element("strong", {}, "What now: "), nextStep(verdict),
        verdict.report ? " " : null, verdict.report ? element("a", { href: here + verdict.report }, "The report") : null)));
}

function drawVerdicts() {
  const { verdicts, verdict_note: note, judged_at: at } = view.fleet;
  const list = verdicts || [];
  find("upgrades").hidden = list.length === 0 && !note;
  update(find("upgrades"), [list, note, at], () => [...list.map(verdictEntry),
    known(note) ? element("p", { class: "rests" }, note)
      : element("p", { class: "rests" }, known(at) ? `judged at ${moment(at)}` : null)]);
}
