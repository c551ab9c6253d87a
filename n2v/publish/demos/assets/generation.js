const [classes, azimuth] = [byId("class"), byId("azimuth")];
let shown = [];

function show() {
  const [j, n] = [Number(azimuth.value), data.azimuths.length];
  const degrees = Math.round(data.azimuths[j]);
  azimuth.setAttribute("aria-valuetext", `${degrees} degrees`);
  for (const { picture, group, i } of shown) showPicture(picture, group.frames, i * n + j, `new ${group.name} ${i + 1}, turned by ${degrees}°`);
}

function choose() {
  const groups = data.classes.filter(({ name }) => classes.value === "all" || name === classes.value);
  shown = groups.flatMap((group) => Array.from({ length: group.n }, (_, i) => ({ picture: make("div", "picture"), group, i })));
  byId("grid").replaceChildren(...shown.map(({ picture, group }) => make("figure", "", picture, make("figcaption", "", group.name))));
  show();
}

fill(classes, ["all", ...data.classes.map(({ name }) => name)].map((name) => [name, name]));
classes.addEventListener("input", choose);
byId("spin").checked = !matchMedia("(prefers-reduced-motion: reduce)").matches;
turning(azimuth, byId("spin"), show);
choose();
