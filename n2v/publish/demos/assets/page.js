const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);

/** A short address of a sprite's picture, made once from its data URI. */
function addressOf(sprite) {
  if (!sprite.address) {
    const [head, body] = sprite.uri.split(",");
    const bytes = Uint8Array.from(atob(body), (letter) => letter.charCodeAt(0));
    sprite.address = URL.createObjectURL(new Blob([bytes], { type: head.slice(5, head.indexOf(";")) }));
  }
  return sprite.address;
}

/** Show picture `index` of a sprite in an element, with a text for those who cannot see it. */
function showPicture(element, sprite, index, text) {
  const [column, row] = [index % sprite.columns, Math.floor(index / sprite.columns)];
  const share = (place, n) => (n > 1 ? (100 * place) / (n - 1) : 0);
  element.style.backgroundImage = `url(${addressOf(sprite)})`;
  element.style.backgroundSize = `${100 * sprite.columns}% ${100 * sprite.rows}%`;
  element.style.backgroundPosition = `${share(column, sprite.columns)}% ${share(row, sprite.rows)}%`;
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", text);
}

/** Fill a list of choices: pairs of value and text. */
function fill(select, choices) {
  select.replaceChildren(...choices.map(([value, text]) => new Option(text, value)));
}

/** An element with a class, a text and children. */
function make(tag, className, ...children) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...children);
  return element;
}

/** While the box is ticked, move a slider round and round and show. */
function keepTurning(box, slider, show) {
  setInterval(() => {
    if (!box.checked) return;
    slider.value = (Number(slider.value) + 1) % (Number(slider.max) + 1);
    show();
  }, 250);
}
