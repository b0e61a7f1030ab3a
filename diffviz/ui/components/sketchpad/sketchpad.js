// A 32 × 32 pad: for a drawing on white, or for marking a part of an image that lies under it. Finished strokes are
// sent to the server as RGBA bytes in base64; nothing is sent while drawing. Mouse, finger, or keyboard: arrows move,
// space paints, Delete takes away.

const SIDE = 32;

export default function ({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector(".dv-sketch");
  if (!root) return;
  const canvas = root.querySelector("canvas");
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const brush = root.querySelector("select");
  const say = root.querySelector("output");
  const abort = new AbortController();
  const on = (target, event, action) => target.addEventListener(event, action, { signal: abort.signal });
  const memory = (root.memory ??= { undo: [], colour: data.colours[0][1], cursor: [16, 16], turn: null, last: null });
  memory.stop?.(); // Streamlit calls this function again at each rerun without ending the call before
  memory.stop = () => abort.abort();

  function restore(base64) {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const picture = pen.createImageData(SIDE, SIDE);
    picture.data.set(bytes);
    pen.putImageData(picture, 0, 0);
  }
  function paint(colour, ...box) {
    pen.clearRect(...box);  // a half-transparent colour must not add up
    if (!colour) return;
    pen.fillStyle = colour;
    pen.fillRect(...box);
  }

  canvas.setAttribute("aria-label", data.label);
  root.classList.toggle("large", Boolean(data.large));
  canvas.style.backgroundImage = data.background ? `url(${data.background})` : "";
  if (memory.turn !== data.turn) {  // the first time, and when something else is to be on the pad
    canvas.width = canvas.height = SIDE;
    paint(data.paper, 0, 0, SIDE, SIDE);
    if (data.pixels) restore(data.pixels);
    memory.turn = data.turn;
  }

  function send() {
    const { data: rgba } = pen.getImageData(0, 0, SIDE, SIDE);
    let text = "";
    for (const value of rgba) text += String.fromCharCode(value);
    setStateValue("pixels", btoa(text));
  }
  const remember = () => {
    memory.undo.push(pen.getImageData(0, 0, SIDE, SIDE));
    if (memory.undo.length > 30) memory.undo.shift();
  };

  function dab([x, y], colour = memory.colour) {
    const size = Number(brush.value);
    paint(colour, x - Math.floor((size - 1) / 2), y - Math.floor((size - 1) / 2), size, size);
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

  // Where the stroke under way is: in the memory, since the call of an earlier stroke may be answered within this one.
  on(canvas, "pointerdown", (event) => {
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    remember();
    memory.last = place(event);
    dab(memory.last);
  });
  on(canvas, "pointermove", (event) => {
    if (!memory.last) return;
    const here = place(event);
    line(memory.last, here);
    memory.last = here;
  });
  for (const end of ["pointerup", "pointercancel"]) {
    on(canvas, end, () => { if (memory.last) { memory.last = null; send(); } });
  }
  on(canvas, "keydown", (event) => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (moves[event.key]) {
      memory.cursor = memory.cursor.map((v, k) => Math.max(0, Math.min(SIDE - 1, v + moves[event.key][k])));
      say.textContent = `column ${memory.cursor[0] + 1}, row ${memory.cursor[1] + 1}`;
    } else if (event.key === " " || event.key === "Delete") {
      remember();
      dab(memory.cursor, event.key === " " ? memory.colour : data.paper);
      send();
    } else return;
    event.preventDefault();
  });

  // The colours are made once, not at each call: one that is in focus keeps it. As in any radio group Tab stops at the
  // chosen one only, and arrows choose.
  const colours = root.querySelector(".dv-colours");
  const choose = (button) => {
    memory.colour = data.colours[[...colours.children].indexOf(button)][1];
    for (const other of colours.children) {
      other.setAttribute("aria-checked", other === button);
      other.tabIndex = other === button ? 0 : -1;
    }
  };
  const offered = JSON.stringify([data.colours, data.named]);
  if (memory.offered !== offered) {
    memory.offered = offered;
    colours.replaceChildren(...data.colours.map(([name, colour]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.style.background = colour ?? "none";
      button.textContent = data.named ? name : "";
      button.setAttribute("role", "radio");
      button.setAttribute("aria-label", name);
      return button;
    }));
    choose(colours.children[Math.max(0, data.colours.findIndex(([, colour]) => colour === memory.colour))]);
  }
  on(colours, "click", (event) => {
    const button = event.target.closest("button");
    if (button) choose(button);
  });
  on(colours, "keydown", (event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const all = [...colours.children];
    const at = all.indexOf(event.target);
    if (!by || at < 0) return;
    event.preventDefault();
    const next = all[(at + by + all.length) % all.length];
    choose(next);
    next.focus();
  });
  on(root.querySelector(".dv-undo"), "click", () => {
    const before = memory.undo.pop();
    if (before) { pen.putImageData(before, 0, 0); send(); }
  });
  on(root.querySelector(".dv-clear"), "click", () => {
    remember();
    paint(data.paper, 0, 0, SIDE, SIDE);
    send();
  });
  return memory.stop;
}
