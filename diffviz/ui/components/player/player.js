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
  smooth: '<path d="M3 3h8v8H3zM13 13h8v8h-8zM17 3a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM7 13a4 4 0 1 1 0 8 4 4 0 0 1 0-8z"/>',
  pen: '<path d="M4 20l1-5L16 4l4 4L9 19zM17 3l1.5-1.5 4 4L21 7z"/>',
  help: '<path d="M3 6h18v12H3zm2 2v2h2V8zm4 0v2h2V8zm4 0v2h2V8zm4 0v2h2V8zM5 12v2h2v-2zm12 0v2h2v-2zm-8 0v4h6v-4z"/>',
  full: '<path d="M4 4h6v2H6v4H4zm10 0h6v6h-2V6h-4zM4 14h2v4h4v2H4zm14 0h2v6h-6v-2h4z"/>',
};
const icon = (name) => `<svg viewBox="0 0 24 24" aria-hidden="true">${ICONS[name]}</svg>`;
const FRAMES_PER_SECOND = 12;
const FINE = 128; // pixels: from here on an image is enlarged smoothly unless asked otherwise
const LOST = 0.8; // an image that would fill less of its place in whole multiples of its pixels fills it smoothly
// Where a key means something else: in a field, a list or on a slider.
const TAKES_KEYS = "input, textarea, select, [contenteditable=true], [role=slider], [role=radiogroup], [role=radio], " +
  "[role=listbox], [role=combobox], [role=tablist], [role=menu], [role=dialog], [role=application]";
const players = new Set(); // all on the page, for the keys that work anywhere on it
const memories = (window.dvPlayerMemories ??= new Map()); // by the player's key: it may be mounted anew between two runs

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

// The title of a panel, written only where it changes: the symbol in it may be a button of its own (symbols.js), and what
// is in focus is not taken away without need.
function entitle(shown, [symbol, text]) {
  const { label } = shown;
  if (shown.title?.[0] === symbol && shown.title?.[1] === text) return;
  shown.title = [symbol, text];
  label.querySelector("b").textContent = symbol;
  label.querySelector("small").textContent = text;
  label.querySelector("button:not(.dv-symbol)").setAttribute("aria-label", `Show ${symbol}, ${text}, large`);
}

function makePanel(panel, size) {
  const box = document.createElement("div");
  box.className = "dv-panel";
  const canvas = document.createElement("canvas");
  [canvas.height, canvas.width] = size;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${panel.symbol} ${panel.label}`);
  // The symbol stands beside the button, not in it: there it explains itself at a tap.
  const label = document.createElement("div");
  label.className = "dv-label";
  label.innerHTML = '<i class="dv-key"></i><b></b><button type="button"><small></small></button>';
  label.querySelector("i").dataset.role = panel.role;
  box.append(canvas, label);
  const found = { box, canvas, label, pen: canvas.getContext("2d"), panel };
  entitle(found, [panel.symbol, panel.label]);
  return found;
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

// The player that keys pressed elsewhere on the page are meant for: the first of which half is in sight.
function inSight() {
  return [...players].map((root) => [root, root.getBoundingClientRect()])
    .filter(([root, box]) => root.isConnected && box.height && box.top > -box.height / 2 && box.top + box.height / 2 < innerHeight)
    .sort(([, a], [, b]) => a.top - b.top)[0]?.[0];
}

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".dv-player");
  if (!root || !data) return;
  const find = (name) => root.querySelector(`.dv-${name}`);
  const [scrub, play, speed, stage, thumbs, ink] =
    [find("scrub"), find("play"), root.querySelector("select"), find("stage"), find("thumbs"), find("ink")];
  const { header, sheets } = unpack(data);
  const last = header.frames - 1;
  const [height, width] = header.size;
  const memory = memories.get(header.key) ?? { smooth: width >= FINE };
  memories.set(header.key, memory);
  memory.stop?.(); // Streamlit calls this function again for new data without ending the call before
  // The same run drawn again (a rerun of the page) stays where the learner left it.
  let frame = memory.run === header.run ? Math.min(memory.frame, last) : header.start;
  // What the learner made large stays large as long as the panels are the same ones.
  const names = header.panels.map((panel) => panel.symbol).join();
  if (memory.names !== names) Object.assign(memory, { names, main: header.main });
  Object.assign(memory, { run: header.run, frame });
  let ready = null;
  let timer = null;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const abort = new AbortController();
  const on = (target, event, action, options = {}) =>
    target.addEventListener(event, action, { ...options, signal: abort.signal });
  // Behind a question the player is to be seen and not to be used.
  root.inert = Boolean((root.getRootNode().host ?? root).closest("[class*=st-key-locked]"));

  // A browser takes the focus from what is taken away, hidden or disabled, and gives it to the page: a reader with a
  // keyboard has lost the player. `held` is what has the focus in it; after a change the scrubber takes over where needed.
  const focused = () => {
    const held = root.getRootNode().activeElement;
    return root.contains(held) ? held : null;
  };
  const keepFocus = (held) => {
    if (held && (!held.isConnected || held.disabled || held.hidden)) scrub.focus({ preventScroll: true });
  };

  const held = focused();
  const heldPanel = [...find("panels").children].findIndex((box) => box.contains(held)); // made anew below
  root.setAttribute("aria-label", header.title);
  root.dataset.panels = header.panels.length;
  root.classList.toggle("picking", Boolean(header.pick));
  root.style.setProperty("--panels", header.panels.length);
  root.style.setProperty("--ratio", `${width} / ${height}`);
  const panels = header.panels.map((panel) => makePanel(panel, header.size));
  find("panels").replaceChildren(...panels.map((p) => p.box));
  const charts = header.charts.map((chart) => makeChart(chart, header.t));
  if (header.plane) charts.push(makePlane(header.plane));
  find("charts").replaceChildren(...charts.map((c) => c.box));
  root.toggleAttribute("data-lanes", header.lanes);
  panels.forEach(({ canvas, panel }) => canvas.classList.toggle("locked", panel.locked));
  find("marks").replaceChildren(...header.marks.map((mark) => {
    const line = document.createElement("div");
    const at = last ? mark.frame / last : 0;
    line.className = at > 0.5 ? "dv-mark left" : "dv-mark";
    line.style.setProperty("--at", at);
    line.innerHTML = '<i aria-hidden="true"></i><span></span>';
    line.querySelector("i").textContent = mark.filled ? "▲" : "△";
    line.querySelector("span").textContent = mark.text;
    return line;
  }));
  const fix = find("fix");
  fix.hidden = !header.button;
  fix.textContent = header.button;
  on(fix, "click", () => setTriggerValue("fix", frame));
  if (panels[heldPanel]) panels[heldPanel].label.querySelector("button").focus({ preventScroll: true });
  else keepFocus(held);
  scrub.max = last;
  play.innerHTML = icon("play");
  for (const name of ["back", "next", "loop", "smooth", "pen", "help", "full"]) find(name).innerHTML = icon(name);

  function fit() {
    if (!root.clientWidth) return;
    const density = window.devicePixelRatio || 1;
    panels.forEach(({ box, canvas }) => {
      const room = box.clientWidth;
      // A whole number of screen pixels per image pixel, so that every one is drawn the same size.
      const zoom = Math.floor((room * density) / width);
      const whole = (zoom * width) / density;
      const smooth = memory.smooth || whole < LOST * room;
      canvas.classList.toggle("smooth", smooth);
      canvas.style.width = `${smooth ? room : whole}px`;
      canvas.style.height = `${((smooth ? room : whole) * height) / width}px`;
    });
    find("smooth").setAttribute("aria-pressed", memory.smooth);
    drawThumbs();
  }

  // Thumbnails of the main panel as ticks of the scrubber.
  function drawThumbs() {
    if (!ready) return;
    const density = window.devicePixelRatio || 1;
    const [wide, tall] = [thumbs.clientWidth, thumbs.clientHeight];
    const high = header.lanes ? width : height; // of a lane its image, which stands on top
    const side = (tall * width) / high;
    const count = Math.max(2, Math.min(last + 1, Math.floor((wide + 4) / (side + 4))));
    [thumbs.width, thumbs.height] = [wide * density, tall * density];
    const pen = thumbs.getContext("2d");
    pen.scale(density, density);
    for (let k = 0; k < count; k += 1) {
      const shown = Math.round((k * last) / (count - 1));
      const [y, x] = [Math.floor(shown / header.columns), shown % header.columns];
      const left = (k * (wide - side)) / (count - 1);
      pen.drawImage(ready[memory.main], x * width, y * height, width, high, left, 0, side, tall);
    }
  }

  function enlarge(index) {
    if (index >= panels.length) return;
    memory.main = index;
    panels.forEach(({ box, label, title }, i) => {
      box.classList.toggle("main", i === index);
      label.querySelector("button:not(.dv-symbol)").setAttribute("aria-pressed", i === index);
      label.title = i === index || header.lanes ? "" : `Show ${title[0]} large (${i + 1})`;
    });
    fit();
  }

  function draw() {
    if (!ready) return;
    const held = focused();
    const [y, x] = [Math.floor(frame / header.columns), frame % header.columns];
    panels.forEach((shown, i) => {
      const { pen, canvas, panel } = shown;
      pen.drawImage(ready[i], x * width, y * height, width, height, 0, 0, width, height);
      entitle(shown, (frame === last && panel.at_end) || [panel.symbol, panel.label]);
      const seen = panel.locked ? "hidden until the guess is made" : header.readouts[frame];
      canvas.setAttribute("aria-label", `${shown.title.join(" ")}, ${seen}`);
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
    keepFocus(held);
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

  // --- Full screen, pen and laser pointer -------------------------------------------------------------------

  const isFull = () => root.classList.contains("full");

  function setFull(full) {
    root.classList.toggle("full", full);
    find("full").setAttribute("aria-pressed", full);
    find("full").setAttribute("aria-label", full ? "Leave full screen" : "Full screen");
    fit();
  }

  function toggleFull() {
    if (isFull()) {
      if (document.fullscreenElement) document.exitFullscreen();
      return setFull(false);
    }
    setFull(true);
    // A phone's browser may have no full screen for a part of a page: then the player covers the window.
    root.requestFullscreen?.().catch(() => {});
  }

  function setPen(inking) {
    root.classList.toggle("inking", inking);
    find("pen").setAttribute("aria-pressed", inking);
  }

  function erase() {
    ink.getContext("2d").clearRect(0, 0, ink.width, ink.height);
  }

  function place(event) {
    const box = stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  // What was drawn lies on the pictures as they were: another size of the stage takes it away.
  function sizeInk() {
    const [wide, tall] = [Math.round(stage.clientWidth), Math.round(stage.clientHeight)];
    if (ink.width !== wide || ink.height !== tall) [ink.width, ink.height] = [wide, tall];
  }

  let stroke = null;
  on(ink, "pointerdown", (event) => {
    sizeInk();
    ink.setPointerCapture(event.pointerId);
    stroke = place(event);
  });
  on(ink, "pointermove", (event) => {
    if (!stroke) return;
    const [pen, to] = [ink.getContext("2d"), place(event)];
    Object.assign(pen, { strokeStyle: getComputedStyle(root).getPropertyValue("--dv-noise") || "#d00", lineWidth: 4, lineCap: "round" });
    pen.beginPath();
    pen.moveTo(...stroke);
    pen.lineTo(...to);
    pen.stroke();
    stroke = to;
  });
  for (const end of ["pointerup", "pointercancel"]) on(ink, end, () => { stroke = null; });
  on(stage, "pointermove", (event) => {
    if (!root.classList.contains("pointing")) return;
    const [x, y] = place(event);
    Object.assign(find("dot").style, { left: `${x}px`, top: `${y}px` });
  });

  function showKeys() {
    const list = find("keys");
    list.hidden = !list.hidden;
    find("help").setAttribute("aria-expanded", !list.hidden);
  }

  // --- Clicks, keys and drags ----------------------------------------------------------------------------------

  on(play, "click", toggle);
  on(find("back"), "click", () => step(-1));
  on(find("next"), "click", () => step(1));
  on(find("loop"), "click", (event) => {
    const button = event.currentTarget;
    button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
  });
  on(find("smooth"), "click", () => { memory.smooth = !memory.smooth; fit(); });
  on(find("pen"), "click", () => setPen(!root.classList.contains("inking")));
  on(find("help"), "click", showKeys);
  on(find("full"), "click", toggleFull);
  on(document, "fullscreenchange", () => {
    if (isFull() && !document.fullscreenElement) setFull(false);
  });
  on(scrub, "input", () => { pause(); go(Number(scrub.value)); });

  const presenting = () => isFull() || getComputedStyle(root).getPropertyValue("--dv-presenter").trim() === "1";

  function keyed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || root.inert) return;
    const [target, own] = [event.composedPath()[0], event.composedPath().includes(root)];
    if (!own && inSight() !== root) return;
    const element = target instanceof Element ? target : document.body;
    if (element.tagName === "SELECT" || (element !== scrub && element.closest(TAKES_KEYS))) return;
    const button = Boolean(element.closest("button, a, summary"));
    const keys = {
      " ": button ? null : toggle, // a button already answers to space
      ArrowLeft: () => step(-1), ArrowRight: () => step(1),
      ArrowDown: own ? () => step(-1) : null, ArrowUp: own ? () => step(1) : null, // elsewhere they scroll the page
      Home: () => step(-last), End: () => step(last),
      PageUp: presenting() ? () => step(-1) : null, PageDown: presenting() ? () => step(1) : null,
      f: toggleFull, e: erase, "?": showKeys,
      p: () => setPen(!root.classList.contains("inking")),
      l: () => root.classList.toggle("pointing"),
      Escape: isFull() ? toggleFull : null,
    };
    const digit = /^[1-9]$/.test(event.key) && Number(event.key) <= panels.length;
    const action = digit ? () => enlarge(Number(event.key) - 1) : keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }
  on(window, "keydown", keyed);

  // Drag anywhere over the images to scrub, with mouse or finger; a click makes an image the large one.
  let from = null;
  on(find("panels"), "pointerdown", (event) => {
    if (event.target.closest(".dv-label")) return;
    from = { x: event.clientX, frame, moved: false };
    scrub.focus({ preventScroll: true });
  });
  on(window, "pointermove", (event) => {
    if (!from || (!from.moved && Math.abs(event.clientX - from.x) < 4)) return;
    from.moved = true;
    pause();
    go(from.frame + Math.round(((event.clientX - from.x) / root.clientWidth) * 1.4 * last));
  });
  panels.forEach(({ canvas, label }, i) => {
    on(canvas, "pointerup", (event) => {
      if (!from || from.moved) return;
      if (!header.pick || i !== memory.main) return enlarge(i);
      const box = canvas.getBoundingClientRect();
      const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
      setTriggerValue("pick", { panel: i, frame, x, y });
    });
    on(label, "click", (event) => { if (!event.target.closest(".dv-symbol")) enlarge(i); });
  });
  // The thumbnails are a scrubber themselves.
  let sliding = false;
  const slide = (event) => {
    const box = thumbs.getBoundingClientRect();
    pause();
    go(Math.round(((event.clientX - box.left) / box.width) * last));
  };
  on(thumbs, "pointerdown", (event) => { sliding = true; slide(event); scrub.focus({ preventScroll: true }); });
  on(window, "pointermove", (event) => { if (sliding) slide(event); });
  for (const end of ["pointerup", "pointercancel"]) on(window, end, () => { from = null; sliding = false; });

  const watcher = new ResizeObserver(fit);
  watcher.observe(root);
  on(window, "resize", fit); // its height counts as well
  enlarge(memory.main);
  players.add(root);
  sheets.then((images) => {
    if (abort.signal.aborted) return; // another run is shown by now
    ready = images;
    draw();
    drawThumbs();
    root.dataset.ready = header.run;
    // Until then the page keeps room, and shows the first frame before it (theme.py).
    const place = (root.getRootNode().host ?? root).closest(".stElementContainer");
    place?.setAttribute("data-dv-ready", "");
    place?.previousElementSibling?.querySelector(".dv-first")?.replaceChildren();
  });

  memory.stop = () => { pause(); abort.abort(); watcher.disconnect(); players.delete(root); };
  return memory.stop;
}
