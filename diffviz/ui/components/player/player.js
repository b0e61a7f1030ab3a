// The frame player. The server sends, once per run, a small header and one PNG per panel that holds every
// frame; from then on play, pause, step and scrub happen here, without a call to the server.
//
// Payload: 4 bytes (little endian) length of the header, the header as JSON, then the PNGs one after another.

const ICONS = {
  play: '<path d="M7 4.5v15l13-7.5z"/>',
  pause: '<path d="M6 4.5h4.5v15H6zM13.5 4.5H18v15h-4.5z"/>',
  back: '<path d="M5 5h3v14H5zM20 5v14L9.5 12z"/>',
  next: '<path d="M16 5h3v14h-3zM4 5v14l10.5-7z"/>',
  loop: '<path d="M7 7h9v3l5-4-5-4v3H5v7h2zm10 10H8v-3l-5 4 5 4v-3h11v-7h-2z"/>',
};
const icon = (name) => `<svg viewBox="0 0 24 24" aria-hidden="true">${ICONS[name]}</svg>`;
const FRAMES_PER_SECOND = 12;
const NARROW = 460;

function unpack(payload) {
  const bytes = payload instanceof Uint8Array ? payload : new Uint8Array(payload);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  let start = 4 + length;
  const sheets = header.panels.map((panel) => {
    const part = bytes.subarray(start, (start += panel.bytes));
    return createImageBitmap(new Blob([part], { type: "image/png" }));
  });
  return { header, sheets: Promise.all(sheets) };
}

function makePanel(panel, size) {
  const box = document.createElement("div");
  box.className = "dv-panel";
  const canvas = document.createElement("canvas");
  [canvas.height, canvas.width] = size;
  canvas.setAttribute("role", "img");
  const label = document.createElement("div");
  label.className = "dv-label";
  label.innerHTML = '<i class="dv-key"></i><b></b><small></small>';
  label.querySelector("i").dataset.role = panel.role;
  label.querySelector("b").textContent = panel.symbol;
  label.querySelector("small").textContent = panel.label;
  box.append(canvas, label);
  return { box, canvas, pen: canvas.getContext("2d"), panel };
}

const SVG = "http://www.w3.org/2000/svg";
const svg = (name, attributes) => {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
};

// A small line chart over t, with a cursor at the frame being shown.
function makeChart(chart, t) {
  const box = document.createElement("figure");
  box.className = "dv-chart";
  box.style.setProperty("--ink", `var(--dv-${chart.role})`);
  box.innerHTML = '<div><b></b><span></span></div><div class="plot"><i class="dot"></i></div>';
  box.querySelector("b").textContent = chart.title;
  const [low, high] = chart.range;
  const x = (i) => t[i] * 100;
  const y = (v) => 100 - (100 * (Math.max(low, Math.min(high, v)) - low)) / (high - low);
  const picture = svg("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" });
  const points = chart.values.map((v, i) => `${x(i)},${y(v)}`).join(" ");
  const cursor = svg("line", { y1: 0, y2: 100, x1: 0, x2: 0 });
  picture.append(svg("polyline", { points, "stroke-dasharray": chart.dash }), cursor);
  box.querySelector(".plot").prepend(picture);
  const dot = box.querySelector(".dot");
  const show = (i) => {
    cursor.setAttribute("x1", x(i));
    cursor.setAttribute("x2", x(i));
    dot.style.left = `${x(i)}%`;
    dot.style.top = `${y(chart.values[i])}%`;
    box.querySelector("span").textContent = chart.texts[i];
  };
  return { box, show };
}

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".dv-player");
  if (!root || !data) return;
  const find = (name) => root.querySelector(`.dv-${name}`);
  const [scrub, play, speed] = [find("scrub"), find("play"), root.querySelector("select")];
  const { header, sheets } = unpack(data);
  const last = header.frames - 1;
  const memory = (root.memory ??= {});
  // The same run drawn again (a rerun of the page) stays where the learner left it.
  let frame = memory.run === header.run ? Math.min(memory.frame, last) : header.start;
  Object.assign(memory, { run: header.run, frame });
  let ready = null;
  let timer = null;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const abort = new AbortController();
  const on = (target, event, action, options = {}) =>
    target.addEventListener(event, action, { ...options, signal: abort.signal });

  root.setAttribute("aria-label", header.title);
  root.style.setProperty("--panels", header.panels.length);
  const panels = header.panels.map((panel) => makePanel(panel, header.size));
  find("panels").replaceChildren(...panels.map((p) => p.box));
  const charts = header.charts.map((chart) => makeChart(chart, header.t));
  find("charts").replaceChildren(...charts.map((c) => c.box));
  scrub.max = last;
  play.innerHTML = icon("play");
  find("back").innerHTML = icon("back");
  find("next").innerHTML = icon("next");
  find("loop").innerHTML = icon("loop");

  function fit() {
    const width = root.clientWidth;
    if (!width) return;
    const n = panels.length;
    const narrow = width < NARROW && n > 2;
    root.classList.toggle("narrow", narrow);
    const density = window.devicePixelRatio || 1;
    panels.forEach(({ canvas }, i) => {
      const columns = narrow ? (i ? n - 1 : 1) : n;
      const room = Math.min((width - 14 * (columns - 1)) / columns, header.largest);
      // A whole number of screen pixels per image pixel, so that every one is drawn the same size.
      const zoom = Math.max(1, Math.floor((room * density) / header.size[1]));
      canvas.style.width = `${(zoom * header.size[1]) / density}px`;
      canvas.style.height = `${(zoom * header.size[0]) / density}px`;
    });
  }

  function draw() {
    if (!ready) return;
    const [h, w] = header.size;
    const [y, x] = [Math.floor(frame / header.columns), frame % header.columns];
    panels.forEach(({ pen, canvas, panel }, i) => {
      pen.drawImage(ready[i], x * w, y * h, w, h, 0, 0, w, h);
      canvas.setAttribute("aria-label", `${panel.symbol} ${panel.label}, ${header.readouts[frame]}`);
    });
    charts.forEach((chart) => chart.show(frame));
    memory.frame = frame;
    root.dataset.frame = frame;
    scrub.value = frame;
    scrub.setAttribute("aria-valuetext", `${header.readouts[frame]}. ${header.captions[frame]}`);
    find("caption").textContent = header.captions[frame];
    find("readout").textContent = header.readouts[frame];
    find("back").disabled = frame === 0;
    find("next").disabled = frame === last;
  }

  function go(to) {
    frame = Math.max(0, Math.min(last, to));
    draw();
  }

  function pause() {
    clearTimeout(timer);
    timer = null;
    play.innerHTML = icon("play");
    play.setAttribute("aria-label", "Play");
  }

  function tick() {
    const looping = find("loop").getAttribute("aria-pressed") === "true";
    if (frame === last && !looping) return pause();
    go(frame === last ? 0 : frame + 1);
    // Reduced motion: frames still follow one another when asked to, but as slow single stills.
    const rate = calm.matches ? Math.min(2, FRAMES_PER_SECOND * speed.value) : FRAMES_PER_SECOND * speed.value;
    timer = setTimeout(tick, (frame === last ? 900 : 1000) / (frame === last ? 1 : rate));
  }

  function toggle() {
    if (timer) return pause();
    play.innerHTML = icon("pause");
    play.setAttribute("aria-label", "Pause");
    if (frame === last) go(0);
    timer = setTimeout(tick, 1000 / FRAMES_PER_SECOND);
  }

  function step(by) {
    pause();
    go(frame + by);
  }

  on(play, "click", toggle);
  on(find("back"), "click", () => step(-1));
  on(find("next"), "click", () => step(1));
  on(find("loop"), "click", (event) => {
    const button = event.currentTarget;
    button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
  });
  on(scrub, "input", () => { pause(); go(Number(scrub.value)); });
  on(root, "keydown", (event) => {
    if (event.target.tagName === "SELECT" || event.ctrlKey || event.metaKey || event.altKey) return;
    const button = event.target.tagName === "BUTTON";
    const keys = {
      " ": button ? null : toggle, // a button already answers to space
      ArrowLeft: () => step(-1), ArrowRight: () => step(1),
      ArrowDown: () => step(-1), ArrowUp: () => step(1),
      Home: () => step(-last), End: () => step(last),
    };
    const action = keys[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  });
  // Drag anywhere over the images to scrub, with mouse or finger.
  let from = null;
  on(find("panels"), "pointerdown", (event) => {
    from = { x: event.clientX, frame };
    scrub.focus({ preventScroll: true });
  });
  on(window, "pointermove", (event) => {
    if (!from || Math.abs(event.clientX - from.x) < 4) return;
    pause();
    go(from.frame + Math.round(((event.clientX - from.x) / root.clientWidth) * 1.4 * last));
  });
  for (const end of ["pointerup", "pointercancel"]) on(window, end, () => { from = null; });

  const watcher = new ResizeObserver(fit);
  watcher.observe(root);
  fit();
  sheets.then((images) => { ready = images; draw(); root.dataset.ready = header.run; });

  return () => { clearTimeout(timer); abort.abort(); watcher.disconnect(); };
}
