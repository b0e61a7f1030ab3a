// The wall hears the room's counts beside Streamlit, on a line of its own: a vote is on it without a run of the page.
// When the room has gone on from another device, the page is asked to run again.

const PHASES = { "vote 1": "Vote 1", discuss: "Discussion", "vote 2": "Vote 2", reveal: "Answer shown" };

const people = (n) => (n === 1 ? "person" : "people");

export default function ({ parentElement, data, setTriggerValue }) {
  const wall = parentElement.querySelector(".dv-wall");
  const memory = (wall.dvMemory ??= { ahead: 0, patience: 2 });
  memory.data = data;
  memory.trigger = setTriggerValue;
  memory.counts = data.counts;
  wall.className = `dv-wall ${data.size}`;
  at(wall, ".address").textContent = data.address;
  at(wall, ".code").textContent = `${data.code.slice(0, 3)} ${data.code.slice(3)}`;
  at(wall, ".code").setAttribute("aria-label", `Code ${data.code.split("").join(" ")}`);
  const qr = at(wall, ".qr");
  if (qr.getAttribute("src") !== data.qr) qr.src = data.qr;
  qr.alt = `QR code of ${data.address}/${data.code}`;
  draw(wall, memory);
  if (data.size !== "bar" && memory.activity !== undefined && memory.activity !== data.counts.activity) {
    document.querySelector("[data-testid=stMain]")?.scrollTo(0, 0); // a new question is read from its top
  }
  memory.activity = data.counts.activity;
  if (memory.code !== data.code) listen(wall, memory);
  memory.tick ??= setInterval(() => {
    if (wall.isConnected) {
      drawClock(wall, memory);
      return compare(memory);
    }
    memory.source?.close();
    clearInterval(memory.tick);
    memory.tick = memory.code = null;
  }, 500);
}

function at(wall, what) {
  return wall.querySelector(what);
}

function listen(wall, memory) {
  memory.source?.close();
  memory.code = memory.data.code;
  const source = (memory.source = new EventSource(new URL(`c/${memory.code}/wall`, document.location.href)));
  source.onmessage = (event) => {
    const { now, state } = JSON.parse(event.data);
    memory.ahead = now - Date.now() / 1000;
    memory.counts = state;
    at(wall, ".cut").textContent = "";
    draw(wall, memory);
  };
  source.onerror = () => {
    at(wall, ".cut").textContent = "No connection: trying again …";
    if (source.readyState !== EventSource.CLOSED) return; // the browser comes back by itself
    setTimeout(() => { if (wall.isConnected && memory.source === source) listen(wall, memory); }, 3000);
  };
}

const stage = (counts) => JSON.stringify([counts.open, counts.activity, counts.phase, counts.shown]);

// What the host does here is drawn within a moment; what stays different has been done elsewhere. A request that the
// page was too busy for is made again.
function compare(memory) {
  const told = stage(memory.counts);
  if (told === stage(memory.data.counts)) return (memory.patience = 2);
  memory.patience -= 1;
  if (memory.patience > 0) return;
  memory.patience = 6; // half seconds
  memory.trigger("changed", told);
}

function draw(wall, memory) {
  const { joined, voted, lost, activity, phase } = memory.counts;
  const voting = activity !== null;
  const low = memory.data.size === "bar";
  fill(at(wall, ".joined"), joined, low ? " joined" : ` ${people(joined)} joined`);
  fill(at(wall, ".voted"), voted, ` of ${joined} voted`);
  at(wall, ".voted").hidden = !voting || (low && phase === "reveal");
  at(wall, ".phase").textContent = PHASES[phase] ?? "";
  at(wall, ".voted i").style.setProperty("--share", joined ? Math.min(1, voted / joined) : 0);
  at(wall, ".lost b").textContent = lost;
  at(wall, ".lost").hidden = !lost;
  wall.dataset.ready = "true";
  drawClock(wall, memory);
}

function fill(place, number, words) {
  const [count, rest] = place.children;
  if (count.textContent !== String(number)) count.textContent = number;
  if (rest.textContent !== words) rest.textContent = words;
}

function drawClock(wall, memory) {
  const { until, phase } = memory.counts;
  const place = at(wall, ".left");
  place.hidden = phase !== "discuss" || !until;
  if (place.hidden) return;
  const left = Math.max(0, Math.round(until - Date.now() / 1000 - memory.ahead));
  const text = left ? `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}` : "Time is up";
  if (place.textContent !== text) place.textContent = text;
}
