// Counts down the phase of a class, and follows the links of its bar by the keys that a clicker sends.
const TYPED_INTO = "input:not([type=range], [type=checkbox], [type=radio], [type=button]), textarea, [contenteditable=true]";
const links = {}; // key -> the key of the container that its link is in

function follow(event) {
  const container = links[event.key];
  const link = container && document.querySelector(`.st-key-${container} a`);
  const plain = !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  const inText = event.composedPath().some((e) => e instanceof Element && e.matches(TYPED_INTO));
  if (!link || !plain || inText) return;
  event.preventDefault();
  event.stopPropagation();
  link.click();
}

function draw(place, memory) {
  const { ends, slack } = memory.data;
  const left = Math.round(ends - Date.now() / 1000 - memory.ahead);
  const size = Math.abs(left);
  const clock = `${Math.floor(size / 60)}:${String(size % 60).padStart(2, "0")}`;
  const text = left >= 0 ? `${clock} left` : `${clock} over, ${slack} min slack`;
  if (place.textContent !== text) place.textContent = text;
  place.classList.toggle("over", left < 0);
}

export default function ({ parentElement, data }) {
  const place = parentElement.querySelector(".dv-left");
  const memory = (place.dvMemory ??= {});
  if (memory.data?.now !== data.now) memory.ahead = data.now - Date.now() / 1000;
  memory.data = data;
  Object.assign(links, { PageUp: data.back, PageDown: data.next });
  if (!window.dvClicker) {
    window.dvClicker = true;
    document.addEventListener("keydown", follow, true);
  }
  draw(place, memory);
  memory.tick ??= setInterval(() => {
    if (place.isConnected) return draw(place, memory);
    clearInterval(memory.tick);
    memory.tick = null;
  }, 500);
}
