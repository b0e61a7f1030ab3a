// The guided prediction as an arrow on the line of w. The server sends both predictions of every step once; here
// x̂₀(∅) + w (x̂₀(c) − x̂₀(∅)) is computed and clipped for the w at the arrow's head, as diffusion/guidance.py does.
//
// Payload: 4 bytes (little endian) length of the header, the header as JSON, then the unconditional and the conditional
// predictions as 16-bit integers, (steps, 3, height, width) each, in units of header.unit. Of latents, which only the
// server can decode, there are images at header.scales instead: one sheet (PNG), image k of step i is number i·N + k.

const HIGH = 10;
const TRAJECTORY_FROM = 1; // the scale of a whole trajectory begins here, in steps of:
const TRAJECTORY_STEP = 0.5;
const KEYS = { ArrowRight: 0.5, ArrowUp: 0.5, ArrowLeft: -0.5, ArrowDown: -0.5, PageUp: 1, PageDown: -1, Home: -HIGH, End: HIGH };
const PAUSE = 700; // ms after the last key until the head counts as let go
const LOST = 0.8; // as in player.js: an image that would fill less of its place in whole pixels fills it smoothly

function unpack(payload) {
  const bytes = payload instanceof Uint8Array ? payload : new Uint8Array(payload);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  if (header.scales) {
    return { header, sheet: createImageBitmap(new Blob([bytes.subarray(4 + length)], { type: "image/png" })) };
  }
  const values = new Int16Array(bytes.slice(4 + length).buffer); // a copy, which begins at an even address
  return { header, uncond: values.subarray(0, values.length / 2), cond: values.subarray(values.length / 2) };
}

const SVG = "http://www.w3.org/2000/svg";
const svg = (name, attributes, text) => {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
};
const number = (w) => String(Math.round(w * 10) / 10);

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".dv-arrow");
  if (!root || !data) return;
  const find = (name) => root.querySelector(`.dv-${name}`);
  const [line, head, drawing, slider] = [find("line"), find("head"), root.querySelector(".dv-line > svg"), root.querySelector(".dv-step input")];
  const { header, uncond, cond, sheet } = unpack(data);
  const latent = Boolean(header.scales);
  let decoded = null;
  const [height, width] = header.size;
  const pixels = height * width;
  const memory = (root.memory ??= {});
  memory.stop?.(); // Streamlit calls this function again for new data without ending the call before
  // Another trajectory of the same prompt and seed stays at the learner's step; the head goes where it was sampled.
  if (memory.run !== header.run) Object.assign(memory, { run: header.run, step: header.start });
  if (memory.sampled !== `${header.run} ${header.scale}`) {
    Object.assign(memory, { sampled: `${header.run} ${header.scale}`, w: header.scale });
  }
  memory.step = Math.min(memory.step, header.steps - 1);
  const abort = new AbortController();
  const on = (target, event, action) => target.addEventListener(event, action, { signal: abort.signal });
  let [timer, waiting, from, unit] = [null, 0, 0, 0];

  const [hat, state] = latent ? ["ẑ₀", "zₜ"] : ["x̂₀", "xₜ"];
  for (const [name, of] of [["uncond", "(∅)"], ["cond", "(c)"], ["guided", ""]]) {
    find(name).querySelector("b").textContent = latent ? `D(${hat}${of})` : `${hat}${of}`;
  }
  root.classList.toggle("locked", header.locked);
  for (const name of ["uncond", "cond", "guided"]) Object.assign(find(name).querySelector("canvas"), { width, height });
  root.querySelector(".dv-end img").src = header.finished;
  root.querySelector(".dv-end img").alt = `Finished image of the trajectory with w = ${number(header.scale)}`;
  root.querySelector(".dv-end figcaption").textContent = `finished, w = ${number(header.scale)}`;
  slider.max = header.steps - 1;

  // --- The three predictions --------------------------------------------------------------------------------

  function paint(name, value) {
    const pen = find(name).querySelector("canvas").getContext("2d");
    const image = pen.createImageData(width, height);
    for (let p = 0; p < pixels; p += 1) {
      // A clamped array rounds to the nearest level and clips, as to_uint8 does.
      for (let c = 0; c < 3; c += 1) image.data[4 * p + c] = (value(c * pixels + p) + 1) * 127.5;
      image.data[4 * p + 3] = 255;
    }
    pen.putImageData(image, 0, 0);
  }

  // The image of latents decoded at the scale nearest to w; returns that scale.
  function draw(name, w) {
    const far = header.scales.map((scale) => Math.abs(scale - w));
    const k = far.indexOf(Math.min(...far));
    const number = memory.step * header.scales.length + k;
    const [left, top] = [(number % header.columns) * width, Math.floor(number / header.columns) * height];
    if (decoded) find(name).querySelector("canvas").getContext("2d").drawImage(decoded, left, top, width, height, 0, 0, width, height);
    return header.scales[k];
  }

  function drawEnds() {
    const start = memory.step * 3 * pixels;
    if (latent) {
      draw("uncond", 0);
      draw("cond", 1);
    } else {
      paint("uncond", (i) => uncond[start + i] * header.unit);
      paint("cond", (i) => cond[start + i] * header.unit);
    }
    slider.value = memory.step;
    slider.setAttribute("aria-valuetext", header.readouts[memory.step]);
    find("readout").textContent = header.readouts[memory.step];
    for (const [name, what] of [["uncond", "Unconditional"], ["cond", "Conditional"]]) {
      find(name).querySelector("canvas").setAttribute("aria-label", `${what} prediction, ${header.readouts[memory.step]}`);
    }
  }

  function drawGuided() {
    const start = memory.step * 3 * pixels;
    let [clipped, shown] = [0, null];
    if (latent) shown = number(draw("guided", memory.w));
    else paint("guided", (i) => {
      const base = uncond[start + i] * header.unit;
      const value = base + memory.w * (cond[start + i] * header.unit - base);
      if (Math.abs(value) > 1 + header.tolerance) clipped += 1;
      return value;
    });
    const [w, share] = [number(memory.w), Math.round((100 * clipped) / (3 * pixels))];
    root.dataset.w = w;
    if (latent) root.dataset.shown = shown;
    find("guided").querySelector("small").textContent = header.locked ? "guided" : `guided, w = ${latent ? shown : w}`;
    find("guided").querySelector("canvas").setAttribute("aria-label",
      header.locked ? "Guided prediction, held back" : `Guided prediction with w = ${latent ? shown : w}, ${header.readouts[memory.step]}`);
    find("formula").textContent = header.locked ? "" : `${hat} = ${hat}(∅) + ${w} · (${hat}(c) − ${hat}(∅))`;
    find("caption").textContent = header.locked ? "" : caption(w, share, shown);
    head.setAttribute("aria-valuenow", w);
    head.setAttribute("aria-valuetext", `w = ${w}: ${where(memory.w)}`);
  }

  function where(w) {
    if (w === 0) return "the unconditional prediction";
    if (w < 1) return "between the two predictions";
    return w === 1 ? "the conditional prediction; guidance is off" : "beyond the conditional prediction";
  }

  function caption(w, share, shown) {
    let values = memory.w > 1 ? `; ${share}% of its values were outside −1 to 1 and are clipped` : "";
    let sampled = "Drag the arrow’s head: this is computed in your browser.";
    if (latent) {
      values = shown === w ? "" : `; the image is that of w = ${shown}, the nearest that is decoded`;
      sampled = "Drag the arrow’s head: the server has decoded the prediction at several w. Latents are not clipped.";
    }
    if (memory.w < TRAJECTORY_FROM) sampled = `A preview: trajectories are sampled with w from ${TRAJECTORY_FROM}.`;
    else if (memory.w !== header.scale) sampled = `${state} is still that of w = ${number(header.scale)}: let go, and a new trajectory is sampled.`;
    return `w = ${w}: ${where(memory.w)}${values}. ${sampled}`;
  }

  // --- The line and its arrow -------------------------------------------------------------------------------

  function fit() {
    if (!root.clientWidth) return;
    const density = window.devicePixelRatio || 1;
    const [wide, narrow] = [root.clientWidth, root.clientWidth <= 620];
    const whole = (room, least = LOST) => {
      const side = (Math.floor((room * density) / width) * width) / density;
      return side < least * room ? room : side;
    };
    const large = whole(narrow ? wide * 0.66 : Math.min(innerHeight * 0.48, wide * 0.44));
    const small = narrow
      ? whole(Math.min(wide - large - 12, large / 2 - 14), 0.95) // there is no room to lose
      : whole(Math.min(large / 2, (wide - large) / 2 - 20));
    for (const [name, side] of [["large", large], ["small", small], ["thumb", whole(large * 0.3)]]) {
      root.style.setProperty(`--${name}`, `${side}px`);
    }
    for (const image of root.querySelectorAll("canvas, img")) {
      image.classList.toggle("smooth", (image.clientWidth * density) % width > 0.5);
    }
    drawLine();
  }

  const x = (w) => from + unit * w;

  function drawLine() {
    const box = line.getBoundingClientRect();
    if (!box.width) return;
    const middle = (name) => {
      const place = find(name).getBoundingClientRect();
      return [place.left + place.width / 2 - box.left, place.bottom - box.top];
    };
    const stacked = box.width <= 620;
    const axis = stacked ? 18 : 46;
    from = stacked ? 12 : middle("uncond")[0];
    unit = (box.width - 24 - from) / HIGH;
    const w = header.locked ? 1 : memory.w;
    const parts = [svg("line", { class: "axis", x1: x(0), x2: x(HIGH), y1: axis, y2: axis })];
    if (!stacked) {
      for (const [name, at] of [["uncond", 0], ["cond", 1], ...(header.locked ? [] : [["guided", w]])]) {
        const [left, bottom] = middle(name);
        parts.push(svg("path", { class: "leader", d: `M${left} ${bottom + 3}C${left} ${axis - 16} ${x(at)} ${bottom + 12} ${x(at)} ${axis - 8}` }));
      }
    }
    for (let tick = 0; tick <= HIGH; tick += 1) {
      parts.push(svg("line", { class: "axis", x1: x(tick), x2: x(tick), y1: axis - 4, y2: axis + 4 }));
      parts.push(svg("text", { class: "tick", x: x(tick), y: axis + 28 }, tick === 0 && !stacked ? "w = 0" : tick));
    }
    parts.push(svg("line", { class: "once", x1: x(0), x2: x(Math.min(1, w)), y1: axis, y2: axis }));
    if (w > 1) parts.push(svg("line", { class: "beyond", x1: x(1), x2: Math.max(x(1), x(w) - 6), y1: axis, y2: axis }));
    for (let passed = 2; passed < w; passed += 1) {
      parts.push(svg("line", { class: "notch", x1: x(passed), x2: x(passed), y1: axis - 4, y2: axis + 4 }));
    }
    parts.push(svg("circle", { class: "from", cx: x(0), cy: axis, r: 6 }));
    parts.push(svg("path", { class: "through", d: `M${x(1)} ${axis - 10}l9 16h-18z` }));
    if (!header.locked) {
      const at = Math.max(20, Math.min(box.width - 28, x(w))); // the text stays on the page
      parts.push(svg("rect", { class: "under", x: at - 28, y: axis + 15, width: 56, height: 18 }));
      parts.push(svg("text", { class: "value", x: at, y: axis + 29 }, `w = ${number(w)}`));
    }
    drawing.replaceChildren(...parts);
    head.style.transform = `translate(${x(w)}px, ${axis}px)`;
  }

  // --- Dragging and keys ------------------------------------------------------------------------------------

  function set(w) {
    memory.w = Math.round(Math.max(0, Math.min(HIGH, w)) * 10) / 10;
    drawGuided();
    drawLine();
  }

  // Where the head is let go, a whole trajectory is sampled, with the nearest scale that the page's slider has.
  function release() {
    clearTimeout(waiting);
    waiting = 0;
    if (memory.w < TRAJECTORY_FROM - TRAJECTORY_STEP / 2) return;
    set(Math.max(TRAJECTORY_FROM, Math.round(memory.w / TRAJECTORY_STEP) * TRAJECTORY_STEP));
    if (memory.w !== header.scale) setTriggerValue("released", memory.w);
  }

  const drag = (event) => set((event.clientX - line.getBoundingClientRect().left - from) / unit);
  on(line, "pointerdown", (event) => {
    if (header.locked) return;
    event.preventDefault();
    memory.dragged = true; // kept with the element: new data may come while the head is held
    head.focus({ preventScroll: true });
    if (!event.composedPath().includes(head)) drag(event);
  });
  on(window, "pointermove", (event) => { if (memory.dragged) drag(event); });
  for (const end of ["pointerup", "pointercancel"]) {
    on(window, end, () => { if (memory.dragged) { memory.dragged = false; release(); } });
  }
  on(head, "keydown", (event) => {
    const by = KEYS[event.key];
    if (by === undefined && event.key !== "Enter") return;
    event.preventDefault();
    if (event.key === "Enter") return release();
    set(memory.w + by);
    clearTimeout(waiting);
    waiting = setTimeout(release, PAUSE);
  });
  on(slider, "input", () => { memory.step = Number(slider.value); drawEnds(); drawGuided(); });

  const watcher = new ResizeObserver(() => {
    cancelAnimationFrame(timer);
    timer = requestAnimationFrame(fit);
  });
  watcher.observe(root);
  on(window, "resize", fit); // its height counts as well
  drawEnds();
  drawGuided();
  fit();
  if (latent) {
    sheet.then((bitmap) => {
      if (abort.signal.aborted) return;
      decoded = bitmap;
      drawEnds();
      drawGuided();
      root.dataset.ready = memory.sampled;
    });
  } else root.dataset.ready = memory.sampled;
  memory.stop = () => { abort.abort(); watcher.disconnect(); clearTimeout(waiting); cancelAnimationFrame(timer); };
  return memory.stop;
}
