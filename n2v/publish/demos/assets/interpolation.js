const controls = { from: byId("from"), to: byId("to"), gamma: byId("gamma"), azimuth: byId("azimuth") };
const strips = Object.fromEntries(["embeddings", "weights"].map((space) => [space, data.gammas.map((_, i) => {
  const button = make("button", "", make("div", "picture"));
  button.addEventListener("click", () => { controls.gamma.value = i; show(); });
  return button;
})]));

/** The way between the chosen objects, and the place on its stored form (made once for both directions). */
function chosen() {
  const [a, b] = [Number(controls.from.value), Number(controls.to.value)];
  const way = data.ways[`${Math.min(a, b)} ${Math.max(a, b)}`];
  return { a, b, way, stored: (i) => (a < b ? i : data.gammas.length - 1 - i) };
}

function show() {
  const { a, b, way, stored } = chosen();
  const [i, j] = [Number(controls.gamma.value), Number(controls.azimuth.value)];
  const degrees = Math.round(data.azimuths[j]);
  const name = (k) => `γ = ${data.gammas[k].toFixed(2)}, turned by ${degrees}°`;
  controls.gamma.setAttribute("aria-valuetext", `gamma ${data.gammas[i].toFixed(2)}`);
  controls.azimuth.setAttribute("aria-valuetext", `${degrees} degrees`);
  showPicture(byId("shown"), way.embeddings, stored(i) * data.azimuths.length + j, `decoded from ${name(i)}`);
  byId("where").textContent = name(i);
  for (const [side, k] of [["first", a], ["second", b]]) {
    showPicture(byId(side), data.objects[k].picture, j, `the NeRF of ${data.objects[k].id}, turned by ${degrees}°`);
    byId(`${side}-name`).textContent = data.objects[k].id;
  }
  for (const [space, buttons] of Object.entries(strips)) {
    for (const [k, button] of buttons.entries()) {
      button.setAttribute("aria-pressed", k === i);
      showPicture(button.firstChild, way[space], stored(k) * data.azimuths.length + j, `${space}, ${name(k)}`);
    }
  }
}

/** Two different objects: where one is chosen twice, the other list moves on. */
function choose(event) {
  const other = event.target === controls.from ? controls.to : controls.from;
  if (controls.from.value === controls.to.value) other.value = (Number(other.value) + 1) % data.objects.length;
  show();
}

for (const [space, buttons] of Object.entries(strips)) byId(space).replaceChildren(...buttons);
for (const select of [controls.from, controls.to]) {
  fill(select, data.objects.map(({ id }, i) => [i, id]));
  select.addEventListener("input", choose);
}
controls.to.value = data.objects.length - 1;
controls.gamma.max = data.gammas.length - 1;
controls.gamma.value = Math.floor(data.gammas.length / 2);
controls.gamma.addEventListener("input", show);
turning(controls.azimuth, byId("spin"), show);
show();
