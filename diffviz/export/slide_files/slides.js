const slides = [...document.querySelectorAll("section")];
let at = Math.max(0, slides.findIndex((s) => `#${s.id}` === location.hash));
const show = (n) => {
  at = Math.min(Math.max(n, 0), slides.length - 1);
  slides.forEach((s, i) => s.classList.toggle("now", i === at));
  history.replaceState(null, "", `#${slides[at].id}`);
  scrollTo(0, 0);
};
const keys = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1 };
addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  if (e.key in keys) show(at + (e.shiftKey && e.key === " " ? -1 : keys[e.key]));
  else if (e.key === "Home") show(0);
  else if (e.key === "End") show(slides.length - 1);
  else if (e.key.toLowerCase() === "n") document.body.classList.toggle("notes");
  else return;
  e.preventDefault();
});
addEventListener("click", (e) => {
  if (e.target.closest("a, aside") || String(getSelection())) return;
  show(at + (e.clientX < innerWidth / 3 ? -1 : 1));
});
addEventListener("hashchange", () => show(slides.findIndex((s) => `#${s.id}` === location.hash)));
document.body.classList.add("deck");
show(at);
