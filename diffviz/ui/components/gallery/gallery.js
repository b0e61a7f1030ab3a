// Images as buttons: a click, Enter or Space reports which one. They come as data URIs.
export default function ({ parentElement, data, setStateValue }) {
  const box = parentElement.querySelector(".dv-gallery");
  // Pictures to be compared stay in one row: on a narrow screen they shrink, by whole pixels of theirs.
  const room = (box.clientWidth || parentElement.clientWidth) / data.pictures.length - 18;
  const fits = Math.max(1, Math.floor(room / data.pixels)) * data.pixels;
  box.style.setProperty("--side", `${data.together ? Math.min(data.side, fits) : data.side}px`);
  box.setAttribute("aria-label", data.label);
  const had = [...box.children].indexOf(parentElement.querySelector("button:focus"));
  box.replaceChildren(
    ...data.pictures.map((picture, i) => {
      const button = document.createElement("button");
      button.type = "button";
      if (data.picked !== null) button.setAttribute("aria-pressed", String(i === data.picked));
      const image = document.createElement("img");
      image.src = picture.src;
      image.alt = "";
      const title = document.createElement("b");
      title.textContent = picture.title;
      const note = document.createElement("small");
      note.textContent = picture.note;
      button.append(image, title, note);
      // The turn makes two picks of the same image in a row two events.
      button.onclick = () => setStateValue("pick", { turn: data.turn, index: i });
      return button;
    }),
  );
  if (had >= 0) box.children[Math.min(had, box.children.length - 1)].focus();
  box.dataset.ready = "true";
}
