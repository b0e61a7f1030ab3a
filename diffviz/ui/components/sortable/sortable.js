// A list put in order by dragging its grips (mouse, pen or finger) or by its buttons (keyboard).
export default function ({ parentElement, data, setStateValue }) {
  const list = parentElement.querySelector(".dv-sort");
  const said = parentElement.querySelector(".dv-said");
  list.setAttribute("aria-label", data.label);
  const ids = () => [...list.children].map((li) => li.dataset.id);

  const report = (moved) => {
    const now = ids();
    [...list.children].forEach((li, i) => {
      const [up, down] = li.querySelectorAll("button");
      up.disabled = i === 0;
      down.disabled = i === now.length - 1;
    });
    if (moved) {
      said.textContent = `Now number ${now.indexOf(moved) + 1} of ${now.length}`;
      setStateValue("order", now);
    }
  };

  const make = ({ id, text }) => {
    const li = document.createElement("li");
    li.dataset.id = id;
    li.innerHTML =
      '<span class="grip" aria-hidden="true">⠿</span><span class="text"></span>' +
      '<button type="button">↑</button><button type="button">↓</button>';
    li.querySelector(".text").textContent = text;
    const [up, down] = li.querySelectorAll("button");
    up.setAttribute("aria-label", `Move up: ${text}`);
    down.setAttribute("aria-label", `Move down: ${text}`);
    const shift = (by, button) => {
      const other = by < 0 ? li.previousElementSibling : li.nextElementSibling;
      if (!other) return;
      if (by < 0) other.before(li);
      else other.after(li);
      report(id);
      (button.disabled ? (button === up ? down : up) : button).focus();
    };
    up.onclick = () => shift(-1, up);
    down.onclick = () => shift(1, down);

    const grip = li.querySelector(".grip");
    grip.onpointerdown = (event) => {
      event.preventDefault();
      li.classList.add("moving");
      const before = ids().join();
      const move = (at) => {
        const others = [...list.children].filter((other) => other !== li);
        const middle = (other) => {
          const box = other.getBoundingClientRect();
          return (box.top + box.bottom) / 2;
        };
        const next = others.find((other) => at.clientY < middle(other)) ?? null;
        if (next !== li.nextElementSibling) list.insertBefore(li, next);
      };
      // On the window: an element that is moved about in the page loses the pointer it has captured.
      const end = () => {
        window.removeEventListener("pointermove", move);
        window.removeEventListener("pointerup", end);
        window.removeEventListener("pointercancel", end);
        li.classList.remove("moving");
        if (ids().join() !== before) report(id);
      };
      window.addEventListener("pointermove", move);
      window.addEventListener("pointerup", end);
      window.addEventListener("pointercancel", end);
    };
    return li;
  };

  // The server's order is as old as its last run: only a new list replaces what stands here, and its focus.
  if (list.dataset.version !== String(data.version)) {
    list.dataset.version = data.version;
    list.replaceChildren(...data.items.map(make));
    report(null);
  }
}
