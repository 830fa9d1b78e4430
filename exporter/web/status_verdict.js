// The verdicts on upgrades, what to do on each, and what they rest on.

function verdictEntry(verdict) {
  const { title, next_step: step } = VERDICTS[verdict.verdict] || { title: verdict.verdict, next_step: null };
  const remedy = ((verdict.measures || {}).decode || {}).remedy;
  return element("article", { class: "verdict", "data-verdict": verdict.verdict },
    element("p", { class: "word" }, title),
    element("div", {}, element("p", { class: "headline" }, verdict.headline),
      element("p", { class: "next" }, element("strong", {}, "What now: "), verdict.verdict === "not_comparable" && remedy ? sentence(remedy) : step,
        verdict.report ? " " : null, verdict.report ? element("a", { href: here + verdict.report }, "The report") : null)));
}

const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

function drawVerdicts() {
  const { verdicts, verdict_note: note, judged_at: at } = view.fleet;
  const list = verdicts || [];
  find("upgrades").hidden = list.length === 0 && !note;
  update(find("upgrades"), [list, note], () => [...list.map(verdictEntry),
    known(note) ? element("p", { class: "rests" }, note)
      : element("p", { class: "rests" }, known(at) ? `judged at ${moment(at)}` : null)]);
}
