// A 32 × 32 drawing pad. Finished strokes are sent to the server as RGB bytes in base64; nothing is sent while
// drawing. Mouse, finger, or keyboard: arrows move, space paints, Delete paints white.

const SIDE = 32;
const COLOURS = [
  ["black", "#1b1b1f"], ["grey", "#8a8f98"], ["white", "#ffffff"], ["brown", "#8d5524"],
  ["red", "#e03131"], ["orange", "#f08c00"], ["yellow", "#ffd43b"], ["green", "#2f9e44"],
  ["light blue", "#74c0fc"], ["blue", "#1c5fd0"], ["purple", "#8e44ad"], ["pink", "#f783ac"],
];

export default function ({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector(".dv-sketch");
  if (!root) return;
  const canvas = root.querySelector("canvas");
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const brush = root.querySelector("select");
  const say = root.querySelector("output");
  const abort = new AbortController();
  const on = (target, event, action) => target.addEventListener(event, action, { signal: abort.signal });
  const memory = (root.memory ??= { undo: [], colour: "#1b1b1f", cursor: [16, 16], drawn: false });

  function restore(base64) {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const picture = pen.createImageData(SIDE, SIDE);
    for (let i = 0; i < SIDE * SIDE; i++) {
      picture.data.set([bytes[3 * i], bytes[3 * i + 1], bytes[3 * i + 2], 255], 4 * i);
    }
    pen.putImageData(picture, 0, 0);
  }

  if (!memory.drawn) {
    canvas.width = canvas.height = SIDE;
    pen.fillStyle = "#ffffff";
    pen.fillRect(0, 0, SIDE, SIDE);
    if (data?.pixels) restore(data.pixels);
    memory.drawn = true;
  }

  function send() {
    const { data: rgba } = pen.getImageData(0, 0, SIDE, SIDE);
    let text = "";
    for (let i = 0; i < rgba.length; i += 4) text += String.fromCharCode(rgba[i], rgba[i + 1], rgba[i + 2]);
    setStateValue("pixels", btoa(text));
  }
  const remember = () => {
    memory.undo.push(pen.getImageData(0, 0, SIDE, SIDE));
    if (memory.undo.length > 30) memory.undo.shift();
  };

  function dab([x, y], colour = memory.colour) {
    const size = Number(brush.value);
    pen.fillStyle = colour;
    pen.fillRect(x - Math.floor((size - 1) / 2), y - Math.floor((size - 1) / 2), size, size);
  }
  function line(from, to) {
    const n = Math.max(Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1]), 1);
    for (let i = 0; i <= n; i++) {
      dab([0, 1].map((k) => Math.round(from[k] + ((to[k] - from[k]) * i) / n)));
    }
  }
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top].map((v) =>
      Math.max(0, Math.min(SIDE - 1, Math.floor((v / box.width) * SIDE))));
  };

  let last = null;
  on(canvas, "pointerdown", (event) => {
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    remember();
    last = place(event);
    dab(last);
  });
  on(canvas, "pointermove", (event) => {
    if (!last) return;
    const here = place(event);
    line(last, here);
    last = here;
  });
  for (const end of ["pointerup", "pointercancel"]) {
    on(canvas, end, () => { if (last) { last = null; send(); } });
  }
  on(canvas, "keydown", (event) => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (moves[event.key]) {
      memory.cursor = memory.cursor.map((v, k) => Math.max(0, Math.min(SIDE - 1, v + moves[event.key][k])));
      say.textContent = `column ${memory.cursor[0] + 1}, row ${memory.cursor[1] + 1}`;
    } else if (event.key === " " || event.key === "Delete") {
      remember();
      dab(memory.cursor, event.key === " " ? memory.colour : "#ffffff");
      send();
    } else return;
    event.preventDefault();
  });

  const swatches = COLOURS.map(([name, colour]) => {
    const button = document.createElement("button");
    button.type = "button";
    button.style.background = colour;
    button.setAttribute("role", "radio");
    button.setAttribute("aria-label", name);
    on(button, "click", () => { memory.colour = colour; mark(); });
    return [button, colour];
  });
  root.querySelector(".dv-colours").replaceChildren(...swatches.map(([button]) => button));
  function mark() {
    for (const [button, colour] of swatches) button.setAttribute("aria-checked", colour === memory.colour);
  }
  mark();
  on(root.querySelector(".dv-undo"), "click", () => {
    const before = memory.undo.pop();
    if (before) { pen.putImageData(before, 0, 0); send(); }
  });
  on(root.querySelector(".dv-clear"), "click", () => {
    remember();
    pen.fillStyle = "#ffffff";
    pen.fillRect(0, 0, SIDE, SIDE);
    send();
  });
  return () => abort.abort();
}
