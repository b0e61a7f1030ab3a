// Paths in a plane that grow with the frame, on axes of equal scale, each named at its end.
const WIDE = 400;
const ROOM = { left: 14, right: 118, top: 14, bottom: 26 }; // of the labels
const TALLEST = 300;
const LINE = 18; // between two labels
// Named and ordered as charts.SERIES_DASHES and SERIES_MARKS; a mark is drawn at the origin, some ten units wide.
const DASHES = Object.values({
  "solid": "none", "dot": "2 5", "dash": "8 5", "longdash": "14 5", "dashdot": "8 4 2 4", "longdashdot": "14 4 2 4",
});
const MARKS = Object.values({
  "circle": "M5 0A5 5 0 1 1 -5 0A5 5 0 1 1 5 0Z",
  "x": "M-5 -3L-3 -5 0 -2 3 -5 5 -3 2 0 5 3 3 5 0 2 -3 5 -5 3 -2 0Z",
  "square": "M-4.5 -4.5H4.5V4.5H-4.5Z",
  "diamond": "M0 -6L6 0 0 6 -6 0Z",
  "triangle-up": "M0 -6L6 5H-6Z",
  "star": "M0 -7L1.7 -2.2 6.6 -2.2 2.7 0.9 4.1 5.6 0 2.8 -4.1 5.6 -2.7 0.9 -6.6 -2.2 -1.7 -2.2Z",
});

function makePlane(plane) {
  const draw = (name, attributes, text) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const all = plane.paths.flatMap((path) => path.points);
  const [low, high] = [Math.min, Math.max].map((pick) => [0, 1].map((k) => pick(...all.map((point) => point[k]))));
  const scale = Math.min(
    (WIDE - ROOM.left - ROOM.right) / (high[0] - low[0] || 1), (TALLEST - ROOM.top - ROOM.bottom) / (high[1] - low[1] || 1));
  const tall = ROOM.top + ROOM.bottom + (high[1] - low[1]) * scale;
  const at = ([x, y]) => [ROOM.left + (x - low[0]) * scale, ROOM.top + (high[1] - y) * scale];
  const right = ROOM.left + (high[0] - low[0]) * scale;
  const picture = draw("svg", { viewBox: `0 0 ${WIDE} ${tall}`, role: "img", "aria-label": plane.title });
  picture.append(
    draw("path", { class: "axes", d: `M4 4V${tall - 22}H${right + 10}` }),
    draw("text", { x: right + 10, y: tall - 7, "text-anchor": "end", class: "axis" }, `${plane.axes[0]} →`),
    draw("text", { x: 10, y: 12, class: "axis" }, `↑ ${plane.axes[1]}`));
  const ink = (path) => (path.series === null ? "var(--dv-signal)" : `var(--dv-series-${path.series})`);
  const ends = plane.paths.map((path) => ({ path, end: at(path.points.at(-1)) })).sort((a, b) => a.end[1] - b.end[1]);
  // Labels stand in a column and keep a line's height apart, as near to their ends as that lets them.
  let y = -Infinity;
  for (const one of ends) one.y = y = Math.max(one.end[1] + 5, y + LINE);
  let limit = tall - 26;
  for (const one of [...ends].reverse()) limit = (one.y = Math.min(one.y, limit)) - LINE;
  for (const { path, end, y: line } of ends) {
    picture.append(
      draw("path", { class: "leader", d: `M${end}L${right + 14} ${line - 5}`, stroke: ink(path) }),
      draw("text", { x: right + 18, y: line, fill: ink(path), class: "name" }, path.name));
  }
  const lines = plane.paths.map((path) => {
    const points = path.points.map(at);
    const whole = { points: points.join(" "), stroke: ink(path), class: path.series === null ? "reference" : "faint" };
    picture.append(draw("polyline", whole));
    if (path.series === null) return () => {};
    const walked = draw("polyline", { stroke: ink(path), class: "walked", "stroke-dasharray": DASHES[path.series] });
    const marks = points.map(([x, top]) => draw("path", { d: MARKS[path.series], fill: ink(path), transform: `translate(${x} ${top}) scale(.7)` }));
    picture.append(walked, ...marks);
    return (frame) => {
      const newest = path.newest[frame];
      walked.setAttribute("points", points.slice(0, newest + 1).join(" "));
      marks.forEach((mark, i) => {
        mark.style.display = i <= newest ? "" : "none";
        mark.setAttribute("transform", `translate(${points[i]}) scale(${i === newest ? 1.15 : 0.7})`);
      });
    };
  });
  const box = document.createElement("div");
  box.className = "dv-plane";
  const title = document.createElement("b");
  title.textContent = plane.title;
  box.append(title, picture);
  return { box, show: (frame) => lines.forEach((line) => line(frame)) };
}

