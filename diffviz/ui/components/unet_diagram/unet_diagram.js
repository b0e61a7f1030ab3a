// A U-Net as a U: a row for each level, encoder to the left, decoder to the right, and between them the skip connections
// as lines. Blocks are buttons: a click, Enter or Space chooses one.
const SIDES = { down: "encoder", up: "decoder" };
const SVG = "http://www.w3.org/2000/svg";

function element(name, text, parent) {
  const node = document.createElement(name);
  if (text) node.textContent = text;
  parent.append(node);
  return node;
}

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".dv-u");
  const focused = root.querySelector("button:focus")?.dataset.name;
  root.replaceChildren();
  root.setAttribute("aria-label", data.label);
  const into = Object.fromEntries(data.skips.map((skip) => [skip.target, skip]));
  const buttons = {};

  function list(row, title, boxes) {
    const ul = element("ul", "", row);
    ul.setAttribute("aria-label", title);
    for (const box of boxes) {
      const button = element("button", "", element("li", "", ul));
      button.type = "button";
      button.dataset.name = box.name;
      button.setAttribute("aria-pressed", String(box.name === data.chosen));
      const image = element("img", "", button);
      image.src = box.image;
      image.alt = "";
      const words = element("span", "", button);
      element("b", box.name, words);
      words.append(` ${box.shape}`);
      element("small", box.cost, words);
      const skip = into[box.name];
      if (skip) element("small", `+ skip from ${skip.source}`, words);
      button.onclick = (event) => {
        setTriggerValue("pick", box.name);
        if (!event.detail) return; // by the keyboard: what has the focus stays in sight
        const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
        document.querySelector(".st-key-stage")?.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
      };
      buttons[box.name] = button;
    }
  }
  const of = (side, level) => data.boxes.filter((box) => box.side === side && box.level === level);
  const depth = Math.max(...data.boxes.map((box) => box.level));
  const heads = element("div", "", root);
  heads.className = "dv-u-row dv-u-heads";
  for (const text of ["encoder ↓", "decoder ↑"]) element("span", text, heads);
  for (let level = 0; level <= depth; level += 1) {
    const row = element("div", "", root);
    row.className = "dv-u-row";
    row.style.setProperty("--in", level);
    list(row, `${SIDES.down}, level ${level}`, of("down", level));
    list(row, `${SIDES.up}, level ${level}`, of("up", level).reverse());
  }
  const bottom = element("div", "", root);
  bottom.className = "dv-u-row dv-u-bottom";
  list(bottom, "bottleneck", of("middle", depth));

  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("aria-hidden", "true"); // each block says in words which skip connection it takes
  root.append(drawing);
  function draw() {
    const room = root.getBoundingClientRect();
    drawing.replaceChildren();
    const add = (name, attributes) => {
      const node = document.createElementNS(SVG, name);
      for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
      drawing.append(node);
      return node;
    };
    for (const skip of data.skips) {
      const [a, b] = [skip.source, skip.target].map((name) => buttons[name].getBoundingClientRect());
      const [x1, y1, x2, y2] = [a.right - room.left, a.top + a.height / 2 - room.top,
        b.left - room.left, b.top + b.height / 2 - room.top];
      const bend = (x2 - x1) * 0.4;
      const marked = [skip.source, skip.target].includes(data.chosen) ? "chosen" : "";
      add("path", { d: `M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2 - 5},${y2}`, class: marked });
      add("path", { d: `M${x2},${y2} l-7,-4 v8 z`, class: `head ${marked}` });
      add("text", { x: (x1 + x2) / 2, y: (y1 + y2) / 2 - 3 }).textContent = skip.label;
    }
  }
  root.memory?.disconnect(); // Streamlit calls this function again at each rerun
  root.memory = new ResizeObserver(draw);
  root.memory.observe(root);
  draw();
  if (focused) buttons[focused]?.focus({ preventScroll: true });
  root.dataset.ready = data.chosen;
  return () => root.memory?.disconnect();
}
