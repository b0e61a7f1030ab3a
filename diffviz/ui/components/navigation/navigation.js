// One history entry a navigation, and none for anything else.
//
// Streamlit pushes an entry whenever the server changes the address, control by control, and merges the values of the
// page that is left into the address of a link. So here
// - a push that stays on the page replaces the entry in its place,
// - a link to a page is followed by one push of its very address, read by Streamlit as it reads Back and Forward,
// - a part of a lesson, chosen among the tabs or by the link to the next one, gets an entry of its own.
// A page that is gone to is shown from its top, one that is come back to where it was left, and the menu of a narrow window
// closes.

const NARROW = 768; // CSS pixels at which Streamlit's sidebar covers the page
const LINK = "a[data-testid='stPageLink-NavLink'], a.dv-link";
const PART = ".st-key-parts [role=radiogroup] > *, .st-key-parts [role=radio], .st-key-next-part button";
const TABS = ".st-key-parts [role=radiogroup]";

const MAIN = "[data-testid=stMain]";
const OWN_MOVES = ["wheel", "touchmove", "pointerdown", "keydown"]; // by which a visitor scrolls

function toTop() {
  document.querySelector(MAIN)?.scrollTo(0, 0);
}

// Where each entry of the history was left; an entry is known by a number in its state, which Streamlit's own writing keeps.
const left = new Map();
let entry = 0;
let count = 0;
let returning = null; // what ends the wait for a page that is come back to

function restore(to) {
  returning?.();
  toTop();
  if (!to) return;
  const watch = new MutationObserver(attempt);
  function end() {
    watch.disconnect();
    for (const kind of OWN_MOVES) window.removeEventListener(kind, end, true);
    clearTimeout(limit);
    returning = null;
  }
  // The page is as tall as before only once its elements are there again; until it is done it may still change.
  function attempt() {
    const main = document.querySelector(MAIN);
    if (!main) return;
    const tall = main.scrollHeight - main.clientHeight >= to;
    if (tall && Math.abs(main.scrollTop - to) > 1) main.scrollTo(0, to);
    if (tall && document.querySelector("[data-test-script-state=notRunning]") && document.querySelector(".dv-complete")) {
      clearTimeout(settle);
      settle = setTimeout(end, 400);
    }
  }
  let settle = null;
  const limit = setTimeout(end, 60_000);
  for (const kind of OWN_MOVES) window.addEventListener(kind, end, true);
  watch.observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-test-script-state"] });
  returning = end;
}

function closeMenu() {
  if (window.innerWidth > NARROW) return;
  document.querySelector("[data-testid=stSidebar][data-collapsed=false] [data-testid=stSidebarCollapseButton] button")?.click();
}

// The address a link leads to. One without a state of its own asks the server for the values that the visitor brings
// along; presenter view is the room's and stays on either way.
function destination(link, carry) {
  const here = new URL(document.location.href);
  const to = new URL(link.getAttribute("href") || "./", here); // the start page's is empty
  if (!to.search) to.searchParams.set(carry, "true");
  else if (here.searchParams.has("presenter")) to.searchParams.set("presenter", here.searchParams.get("presenter"));
  return to;
}

function install(carry) {
  const [pushed, replaced] = ["pushState", "replaceState"].map((name) => window.history[name].bind(window.history));
  count = entry = window.history.state?.dvEntry ?? 0;
  const push = (state, title, url) => {
    returning?.();
    entry = ++count;
    return pushed({ ...state, dvEntry: entry }, title, url);
  };
  window.history.replaceState = (state, title, url) => replaced({ ...state, dvEntry: entry }, title, url);
  window.history.pushState = (state, title, url) => {
    const to = new URL(url ?? document.location.href, document.location.href);
    if (to.pathname === document.location.pathname) return window.history.replaceState(state, title, url);
    toTop();
    return push(state, title, url);
  };

  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element && event.target.closest(LINK);
    const plain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (!link || !plain || link.target === "_blank") return;
    event.preventDefault();
    event.stopPropagation();
    push({}, "", destination(link, carry));
    window.dispatchEvent(new PopStateEvent("popstate", { state: {} }));
    toTop();
    closeMenu();
  }, true);

  const partChosen = (event) => {
    const part = event.target instanceof Element && event.target.closest(PART);
    if (!part || part.matches("[aria-checked=true], [data-selected]")) return;
    push({}, "", document.location.href); // Streamlit then writes the new part into this entry
    if (part.closest(".st-key-next-part")) toTop();
  };
  document.addEventListener("click", partChosen, true);
  document.addEventListener("keydown", (event) => {
    if (event.target instanceof Element && event.target.closest(TABS) && event.key.startsWith("Arrow")) {
      push({}, "", document.location.href);
    }
  }, true);
  document.addEventListener("scroll", ({ target }) => {
    if (!returning && target instanceof Element && target.matches(MAIN)) left.set(entry, target.scrollTop);
  }, true);
  window.addEventListener("popstate", (event) => {
    if (!event.isTrusted) return toTop(); // a link, which has an entry of its own by now
    entry = event.state?.dvEntry ?? 0;
    restore(left.get(entry) ?? 0);
  });
}

export default function ({ data }) {
  if (window.dvNavigation) return;
  window.dvNavigation = true;
  install(data.carry);
}
