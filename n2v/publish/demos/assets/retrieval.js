const [splits, classes, objects] = [byId("split"), byId("class"), byId("object")];
const told = { real: "real objects", "held out": "procedural, never trained on", train: "procedural, trained on" };
const visited = [];
let query = 0;
const groupOf = ({ split }) => (split === "val" || split === "test" ? "held out" : split);

function card(index, rank, wanted) {
  const { id, class_name } = data.objects[index];
  const right = class_name === wanted;
  const picture = make("div", "picture");
  showPicture(picture, data.pictures, index, `neighbour ${rank}: ${id}`);
  const button = make("button", "", picture, make("div", "verdict", `${right ? "✓" : "✗"} ${class_name}`), id);
  button.addEventListener("click", () => { visited.push(query); ask(index); });
  return make("li", right ? "right" : "wrong", button);
}

function answer(space, found, { class_name, chance }) {
  const n_right = found.filter((index) => data.objects[index].class_name === class_name).length;
  const title = `by ${space}: ${n_right} of ${found.length} of the query's class (by chance ${(found.length * chance).toFixed(1)})`;
  return [make("p", "score", title), make("ol", "cards", ...found.map((index, i) => card(index, i + 1, class_name)))];
}

function show() {
  const [one, k] = [data.objects[query], Number(byId("k").value)];
  showPicture(byId("query"), data.pictures, query, `query: ${one.id}`);
  byId("query-name").textContent = `${one.class_name}: ${one.id}`;
  byId("count").textContent = k;
  byId("back").disabled = !visited.length;
  byId("answers").replaceChildren(...Object.entries(data.found).flatMap(([space, found]) => answer(space, found[query].slice(0, k), one)));
}

/** Make an object the query, and let the lists say so. */
function ask(index) {
  query = index;
  splits.value = groupOf(data.objects[index]);
  list();
  show();
}

/** What the lists offer: the group's classes, and the objects of the query's class. */
function list() {
  const mine = [...data.objects.entries()].filter(([, one]) => groupOf(one) === splits.value);
  const wanted = data.objects[query].class_name;
  fill(classes, [...new Set(mine.map(([, one]) => one.class_name))].sort().map((name) => [name, name]));
  classes.value = wanted;
  fill(objects, mine.filter(([, one]) => one.class_name === wanted).map(([i, { id }]) => [i, id]));
  objects.value = query;
}

/** The first object that fits what a list was moved to. */
function choose(event) {
  const fits = data.objects.findIndex((one) => groupOf(one) === splits.value && (event.target === splits || one.class_name === classes.value));
  ask(event.target === objects ? Number(objects.value) : fits);
}

const groups = Object.keys(told).filter((group) => data.objects.some((one) => groupOf(one) === group));
fill(splits, groups.map((group) => [group, told[group]]));
for (const one of [splits, classes, objects]) one.addEventListener("input", choose);
byId("back").addEventListener("click", () => ask(visited.pop()));
byId("k").max = data.k;
byId("k").value = data.k;
byId("k").addEventListener("input", show);
ask(data.objects.findIndex((one) => groupOf(one) === groups[0]));
