const [classes, azimuth] = [byId("class"), byId("azimuth")];
let shown = [];

function show() {
  const j = Number(azimuth.value);
  azimuth.setAttribute("aria-valuetext", `${Math.round(data.azimuths[j])} degrees`);
  for (const { picture, group, i } of shown) {
    showPicture(picture, group.frames, i * data.azimuths.length + j, `new ${group.name} ${i + 1}, turned by ${Math.round(data.azimuths[j])}°`);
  }
}

function choose() {
  const groups = data.classes.filter(({ name }) => classes.value === "all" || name === classes.value);
  shown = groups.flatMap((group) => Array.from({ length: group.n }, (_, i) => ({ picture: make("div", "picture"), group, i })));
  byId("grid").replaceChildren(...shown.map(({ picture, group }) => make("figure", "", picture, make("figcaption", "", group.name))));
  show();
}

fill(classes, ["all", ...data.classes.map(({ name }) => name)].map((name) => [name, name]));
azimuth.max = data.azimuths.length - 1;
azimuth.value = 0;
classes.addEventListener("input", choose);
azimuth.addEventListener("input", show);
byId("spin").checked = !matchMedia("(prefers-reduced-motion: reduce)").matches;
keepTurning(byId("spin"), azimuth, show);
choose();
