const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);

/** Show picture `index` of a sprite in an element, with a text for those who cannot see it. */
function showPicture(element, sprite, index, text) {
  sprite.address ??= addressOf(sprite.uri);
  const [column, row] = [index % sprite.columns, Math.floor(index / sprite.columns)];
  const share = (place, n) => (n > 1 ? (100 * place) / (n - 1) : 0);
  element.style.backgroundImage = `url(${sprite.address})`;
  element.style.backgroundSize = `${100 * sprite.columns}% ${100 * sprite.rows}%`;
  element.style.backgroundPosition = `${share(column, sprite.columns)}% ${share(row, sprite.rows)}%`;
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", text);
}

/** A short address of a picture that a data URI holds. */
function addressOf(uri) {
  const bytes = Uint8Array.from(atob(uri.split(",")[1]), (letter) => letter.charCodeAt(0));
  return URL.createObjectURL(new Blob([bytes], { type: "image/webp" }));
}

/** Fill a list of choices: pairs of value and text. */
function fill(select, choices) {
  select.replaceChildren(...choices.map(([value, text]) => new Option(text, value)));
}

/** An element with a class and what stands in it. */
function make(tag, className, ...children) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...children);
  return element;
}

/** A slider over the pictures of a turn, moved round and round while the box is ticked. */
function turning(slider, box, show) {
  slider.max = data.azimuths.length - 1;
  slider.value = 0;
  slider.addEventListener("input", show);
  setInterval(() => {
    if (!box.checked) return;
    slider.value = (Number(slider.value) + 1) % data.azimuths.length;
    show();
  }, 250);
}
