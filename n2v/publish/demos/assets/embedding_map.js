const SVG = "http://www.w3.org/2000/svg";
const SIZE = 0.011;
const map = byId("map");
const [layouts, classes] = [byId("layout"), byId("class")];
let chosen = 0;

function svg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const place = (i) => data.layouts[layouts.value][i];
const isShown = (i) => classes.value === "all" || data.objects[i].class_name === classes.value;

const marks = data.objects.map((object, i) => {
  const { path, colour } = data.classes[object.class_name];
  const mark = svg("path", { d: path, fill: colour });
  mark.addEventListener("pointerenter", () => choose(i));
  mark.addEventListener("click", () => choose(i));
  return mark;
});
const ring = svg("circle", { class: "chosen", r: 2.2 * SIZE });
map.append(...marks, ring);

function choose(i) {
  chosen = i;
  const { id, class_name, split } = data.objects[i];
  const [x, y] = place(i);
  ring.setAttribute("cx", x);
  ring.setAttribute("cy", y);
  showPicture(byId("shown"), data.pictures, i, `${class_name}: ${id}`);
  byId("name").textContent = `${class_name}: ${id} (${split})`;
}

function layOut() {
  marks.forEach((mark, i) => {
    const [x, y] = place(i);
    mark.setAttribute("transform", `translate(${x} ${y}) scale(${SIZE})`);
    mark.classList.toggle("faded", !isShown(i));
  });
  choose(isShown(chosen) ? chosen : data.objects.findIndex((_, i) => isShown(i)));
}

const STEPS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

/** The nearest object within 45 degrees of a direction, far ones to the side last. */
function towards([dx, dy]) {
  const [x, y] = place(chosen);
  let [best, least] = [chosen, Infinity];
  data.objects.forEach((_, i) => {
    const [right, down] = [place(i)[0] - x, place(i)[1] - y];
    const [along, aside] = [right * dx + down * dy, Math.abs(right * dy - down * dx)];
    if (i !== chosen && isShown(i) && along > 0 && aside <= along && along + 2 * aside < least) {
      [best, least] = [i, along + 2 * aside];
    }
  });
  return best;
}

map.addEventListener("keydown", (event) => {
  if (!(event.key in STEPS)) return;
  event.preventDefault();
  choose(towards(STEPS[event.key]));
});

fill(layouts, Object.keys(data.layouts).map((name) => [name, name]));
fill(classes, ["all", ...Object.keys(data.classes)].map((name) => [name, name]));
byId("legend").append(
  ...Object.entries(data.classes).map(([name, { path, colour }]) =>
    make("li", "", svg("svg", { viewBox: "-1.3 -1.3 2.6 2.6", "aria-hidden": "true" }, svg("path", { d: path, fill: colour })), ` ${name}`),
  ),
);
layouts.addEventListener("input", layOut);
classes.addEventListener("input", layOut);
layOut();
