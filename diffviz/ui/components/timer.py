"""A clock that counts down in the browser; it can be stopped, and nothing happens when it runs out."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from streamlit.components import v2

_HTML = """<div class="dv-timer"><span role="timer"></span> <button type="button"></button></div>"""
_CSS = """
.dv-timer { font: 600 1.15rem var(--st-font); color: var(--st-text-color); padding: 3px;
  display: flex; gap: .8rem; align-items: center; }
.dv-timer span { font-variant-numeric: tabular-nums; min-width: 4ch; }
.dv-timer.over span { color: var(--dv-noise); }
.dv-timer button { font: inherit; font-size: .95rem; font-weight: 400; color: inherit; background: none; cursor: pointer;
  border: 1px solid var(--dv-line-strong); border-radius: .5rem; min-height: 2.2rem; padding: 0 .8rem; }
.dv-timer button:focus-visible { outline: 3px solid var(--dv-focus); outline-offset: 2px; }
"""
_JS = """
export default function ({ parentElement, data }) {
  const box = parentElement.querySelector(".dv-timer");
  if (box.dataset.turn === String(data.turn)) return;  // a rerun of the page must not wind the clock
  box.dataset.turn = data.turn;
  const [face, button] = box.children;
  let left = data.seconds, running = true, last = performance.now();
  const draw = () => {
    const s = Math.abs(Math.round(left));
    face.textContent = `${left < -0.5 ? "+" : ""}${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
    box.classList.toggle("over", left < 0);
    button.textContent = running ? "Pause" : "Go on";
  };
  const tick = setInterval(() => {
    if (!box.isConnected) return clearInterval(tick);
    const now = performance.now();
    if (running) left -= (now - last) / 1000;
    last = now;
    draw();
  }, 250);
  button.onclick = () => { running = !running; draw(); };
  draw();
}
"""


@functools.cache
def _component() -> Callable[..., Any]:
    return v2.component("diffviz_timer", html=_HTML, css=_CSS, js=_JS)


def timer(seconds: int, key: str, turn: int = 0) -> None:
    """Count down from `seconds` and on below zero; a new `turn` winds the clock up again."""
    _component()(data={"seconds": seconds, "turn": turn}, key=key)
