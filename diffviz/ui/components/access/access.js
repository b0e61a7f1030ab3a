// --- Focus ------------------------------------------------------------------------------------------------------------
//
// When an element that has the focus is taken out of the page, or disabled, browsers give the focus to the body, and a
// reader with a keyboard or a screen reader has lost the place. Here it goes on
// - to the same control, where a rerun has made it anew,
// - else to the place in which it stood: its innermost container that has a key and is still there.

const CONTROLS = "a[href], button, input, select, textarea, summary, [tabindex]";
const MAIN = "[data-testid=stMain]";
const FROM_TOP = "exercise"; // a place that is read from its top once something in it was answered

let last = null; // what has, or had, the focus
let name = ""; // by which it is known again
let places = []; // keys of the containers it stands in, from the inner ones to the outer
let stand = null; // the container that holds the focus in its stead

const keyOf = (element) => [...element.classList].find((c) => c.startsWith("st-key-"));
function inner(element) {
  for (let e = element; e; e = e.parentElement) if (keyOf(e)) return keyOf(e);
  return "";
}
const label = (element) => [element.tagName, element.type, element.getAttribute("href"),
  element.getAttribute("aria-label") ?? element.innerText.trim(), inner(element)].join("|");
const usable = (element) => element.isConnected && !element.disabled && element.getClientRects().length > 0;
const atLarge = () => !document.activeElement || document.activeElement === document.body;

function remember(event) {
  const element = event.target;
  if (!(element instanceof HTMLElement) || element === stand) return;
  [last, name, places, stand] = [element, label(element), [], null];
  for (let e = element.parentElement; e; e = e.parentElement) if (keyOf(e)) places.push(keyOf(e));
}

function recover() {
  if (!last || !document.hasFocus()) return;
  if (!(atLarge() && !usable(last)) && document.activeElement !== stand) return;
  const place = places.map((key) => document.querySelector(`.${CSS.escape(key)}`)).find((e) => e?.getClientRects().length)
    ?? document.querySelector(MAIN);
  if (!place) return;
  const again = [...place.querySelectorAll(CONTROLS)].find((e) => usable(e) && label(e) === name);
  if (again) return again.focus({ preventScroll: true });
  if (document.activeElement === place) return;
  stand = place;
  if (!place.hasAttribute("tabindex")) place.tabIndex = -1;
  place.focus({ preventScroll: true });
  if (keyOf(place) === `st-key-${FROM_TOP}` && place.getBoundingClientRect().top < 0) place.scrollIntoView();
}

function install() {
  // What is seen while the first page loads (ui/opening.py): the next page would be without a title for a moment too.
  document.getElementById("dv-opening")?.remove();
  document.addEventListener("click", toPlayer, true);
  document.addEventListener("focusin", remember);
  // A visitor who clicks beside everything leaves the control of their own will.
  document.addEventListener("focusout", ({ target }) => setTimeout(() => {
    if (target === last && usable(last) && atLarge() && document.hasFocus()) last = null;
  }));
  let planned = false;
  new MutationObserver(() => {
    if (planned) return;
    planned = true;
    setTimeout(() => { planned = false; recover(); nameCharts(); }, 60);
  }).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["disabled"] });
}

// --- Names of charts, made of what the reader of the picture reads ---------------------------------------------------

const text = (title) => (title?.text ?? title ?? "").toString().replace(/<[^>]*>/g, "");

function nameOf(plot) {
  const { layout = {}, data = [] } = plot;
  const titles = (axis) => [...new Set(Object.keys(layout).filter((key) => key.startsWith(axis))
    .map((key) => text(layout[key]?.title)).filter(Boolean))].join(", ");
  const axes = [titles("yaxis"), titles("xaxis")].filter(Boolean).join(" over ");
  const notes = (layout.annotations ?? []).map(text).filter(Boolean).join(", ");
  const lines = [...new Set(data.map((trace) => text(trace.name)).filter(Boolean))].join(", ");
  return `Chart: ${[text(layout.title), axes, lines, notes].filter(Boolean).join("; ") || "no title"}`;
}

function nameCharts() {
  for (const plot of document.querySelectorAll(".js-plotly-plot")) {
    const [box, name] = [plot.closest("[data-testid=stPlotlyChart]") ?? plot, nameOf(plot)];
    if (box.getAttribute("aria-label") === name) continue;
    box.setAttribute("role", "figure");
    box.setAttribute("aria-label", name);
  }
  for (const box of document.querySelectorAll("[data-testid=stGraphVizChart]:not([aria-label]):has(svg)")) {
    const nodes = [...box.querySelectorAll("g.node > title")].map((title) => title.textContent);
    box.setAttribute("role", "figure");
    box.setAttribute("aria-label", `Graph of ${nodes.join(", ")}`);
  }
}

// --- The way to the player --------------------------------------------------------------------------------------------

function toPlayer(event) {
  if (!(event.target instanceof Element) || !event.target.closest(".dv-skip")) return;
  event.preventDefault();
  event.stopPropagation();
  for (const host of document.querySelectorAll("[data-dv-ready] *")) {
    const play = host.shadowRoot?.querySelector(".dv-play");
    if (play && !play.closest("[inert]")) return play.focus(); // a player behind a question takes no focus
  }
  const question = document.querySelectorAll(CONTROLS.split(", ").map((c) => `.st-key-question ${c}`).join());
  [...question].find((e) => usable(e) && e.tabIndex >= 0)?.focus();
}

export default function () {
  if (window.dvAccess) return;
  window.dvAccess = true;
  install();
  nameCharts();
}
