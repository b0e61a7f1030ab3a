// Symbols in frame captions, readouts, panel titles, notes of images and heads of tables explain themselves: by a click,
// a tap, Enter or Space. The texts are those that the server sends; what a player or the server writes is left as it is
// and only wrapped, so this needs no word of theirs.

const OWN = ".dv-caption, .dv-readout, .dv-label b, .dv-chart b"; // in a player's shadow tree
const PAGE = ".dv-gallery figcaption small, .dv-symbols"; // HTML that the server wrote whole
const HEADS = "[data-testid=stTable] th, [data-testid=stMarkdownContainer] th"; // kept by React: only added to
const STYLE = `
  button.dv-symbol.dv-symbol { all: unset; cursor: help; text-decoration: underline dotted; text-underline-offset: .2em; }
  button.dv-symbol.dv-symbol:hover { text-decoration-style: solid; }
  button.dv-symbol.dv-symbol:focus-visible { outline: 3px solid var(--dv-focus); outline-offset: 2px; }
  th button.dv-symbol.dv-symbol { margin-inline-start: .35em; padding-inline: .3em; }
`;
const sheet = new CSSStyleSheet();
sheet.replaceSync(STYLE);

function install(texts) {
  const names = Object.keys(texts).sort((a, b) => b.length - a.length);
  const pattern = new RegExp(names.map((n) => (/^[A-Z]+$/.test(n) ? `\\b${n}\\b` : n)).join("|"), "g");

  const tip = document.createElement("div");
  tip.className = "dv-tip";
  tip.popover = "auto";
  tip.setAttribute("aria-live", "polite");
  document.body.append(tip);

  const explain = (button, found) => {
    tip.replaceChildren(...found.map((name) => {
      const line = document.createElement("div");
      const term = document.createElement("b");
      term.textContent = `${name}: `;
      line.append(term, texts[name]);
      return line;
    }));
    tip.showPopover();
    const at = button.getBoundingClientRect();
    const size = tip.getBoundingClientRect();
    const below = at.bottom + 6 + size.height <= window.innerHeight;
    tip.style.cssText = `position: fixed; inset: auto; margin: 0; position-area: none;
      left: ${Math.max(8, Math.min(at.left, window.innerWidth - size.width - 8))}px;
      top: ${below ? at.bottom + 6 : Math.max(8, at.top - 6 - size.height)}px`;
  };

  const make = (text, found) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "dv-symbol";
    button.textContent = text;
    button.title = found.map((name) => texts[name]).join("\n");
    button.onclick = () => explain(button, found);
    // A player scrubs by dragging over its panels, and plays on Space.
    for (const kind of ["pointerdown", "keydown"]) {
      button.addEventListener(kind, (event) => {
        if (kind === "pointerdown" || event.key === "Enter" || event.key === " ") event.stopPropagation();
      });
    }
    return button;
  };

  const wrap = (element) => {
    if (element.closest("button")) return;
    const seen = new Set([...element.querySelectorAll(".dv-symbol")].map((b) => b.textContent));
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    const nodes = [];
    while (walker.nextNode()) if (!walker.currentNode.parentElement.closest(".dv-symbol")) nodes.push(walker.currentNode);
    for (const node of nodes) {
      const parts = [];
      let last = 0;
      for (const match of node.data.matchAll(pattern)) {
        if (seen.has(match[0])) continue; // once a sentence is enough
        seen.add(match[0]);
        parts.push(node.data.slice(last, match.index), make(match[0], [match[0]]));
        last = match.index + match[0].length;
      }
      if (parts.length) node.replaceWith(...parts, node.data.slice(last));
    }
  };

  const head = (cell) => {
    if (cell.querySelector(".dv-symbol")) return;
    const found = [...new Set(cell.textContent.match(pattern) ?? [])];
    if (!found.length) return;
    const button = make("?", found);
    button.setAttribute("aria-label", `What is ${found.join(", ")}?`);
    cell.append(button);
  };

  const watched = new WeakSet();
  const watch = (root) => {
    watched.add(root);
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
    const all = () => root.querySelectorAll(OWN).forEach(wrap);
    new MutationObserver(all).observe(root, { childList: true, characterData: true, subtree: true });
    all();
  };
  const look = () => {
    document.querySelectorAll("[data-testid=stBidiComponentIsolated]").forEach((host) => {
      const root = host.shadowRoot ?? [...host.querySelectorAll("*")].find((e) => e.shadowRoot)?.shadowRoot;
      if (root && !watched.has(root)) watch(root);
    });
    document.querySelectorAll(PAGE).forEach(wrap);
    document.querySelectorAll(HEADS).forEach(head);
  };

  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  let planned = false;
  new MutationObserver(() => {
    if (planned) return;
    planned = true;
    setTimeout(() => { planned = false; look(); }, 100);
  }).observe(document.body, { childList: true, subtree: true });
  look();
}

export default function ({ data }) {
  if (window.dvSymbols) return;
  window.dvSymbols = true;
  install(data);
}
