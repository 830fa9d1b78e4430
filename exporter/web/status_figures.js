// Figures as the exporter's table defines them: FIGURES holds name, title, meaning, unit, format, and
// whether a figure holds at the last reading alone.

const FIGURE = new Map(FIGURES.map((figure) => [figure.name, figure]));
const FORMAT = { rate, percent, whole, duration, significant: three };

// A number of a figure with its unit; the title of a state; null where it is unknown.
function figureText(figure, value) {
  if (!known(value)) return null;
  if (figure.format === "state") return (figure.states[value] || { title: value }).title;
  const text = FORMAT[figure.format](value);
  return ["percent", "duration"].includes(figure.format) ? text : `${text} ${figure.unit}`;
}

// Rows of title, text and meaning of the figures of a window, or of those of the last reading: one
// for each label value where a figure has several.
function figureRows(server, momentary) {
  return FIGURES.filter((figure) => figure.momentary === momentary).flatMap((figure) => {
    const value = server[figure.name];
    const labelled = known(value) && typeof value === "object" ? Object.entries(value) : [];
    if (labelled.length === 0) return [[figure.title, figureText(figure, typeof value === "object" ? null : value), figure.meaning]];
    return labelled.map(([label, number]) => [`${figure.title}, ${label}`, figureText(figure, number), figure.meaning]);
  });
}
