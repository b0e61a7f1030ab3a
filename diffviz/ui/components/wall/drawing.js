// A drawing that the server made whole, with every text in it escaped.
export default function ({ parentElement, data }) {
  const place = parentElement.querySelector(".dv-drawing");
  if (place.dataset.drawn === data.svg) return;
  place.dataset.drawn = data.svg;
  place.innerHTML = data.svg;
}
