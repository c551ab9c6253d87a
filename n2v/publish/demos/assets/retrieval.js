const objects = byId("object");
const groups = { real: "real", val: "procedural, never trained on", test: "procedural, never trained on", train: "procedural, trained on" };
const visited = [];

function card(index, rank, wanted) {
  const { id, class_name } = data.objects[index];
  const right = class_name === wanted;
  const picture = make("div", "picture");
  showPicture(picture, data.pictures, index, `neighbour ${rank}: ${id}`);
  const button = make("button", "", picture, make("div", "verdict", `${right ? "✓" : "✗"} ${class_name}`), id);
  button.addEventListener("click", () => { visited.push(objects.value); ask(index); });
  return make("li", right ? "right" : "wrong", button);
}

function answer(space, found, { class_name, chance }) {
  const n_right = found.filter((index) => data.objects[index].class_name === class_name).length;
  const title = `by ${space}: ${n_right} of ${found.length} of the query's class (by chance ${(found.length * chance).toFixed(1)})`;
  return [make("p", "score", title), make("ol", "cards", ...found.map((index, i) => card(index, i + 1, class_name)))];
}

/** Make an object the query. */
function ask(index) {
  objects.value = index;
  show();
}

function show() {
  const [query, k] = [objects.value, Number(byId("k").value)];
  const one = data.objects[query];
  showPicture(byId("query"), data.pictures, query, `query: ${one.id}`);
  byId("query-name").textContent = `${one.class_name}: ${one.id}`;
  byId("count").textContent = k;
  byId("back").disabled = !visited.length;
  byId("answers").replaceChildren(...Object.entries(data.found).flatMap(([space, found]) => answer(space, found[query].slice(0, k), one)));
}

for (const group of new Set(Object.values(groups))) {
  const mine = [...data.objects.entries()].filter(([, one]) => groups[one.split] === group);
  for (const name of [...new Set(mine.map(([, one]) => one.class_name))].sort()) {
    const members = make("optgroup", "", ...mine.filter(([, one]) => one.class_name === name).map(([i, { id }]) => new Option(id, i)));
    members.label = `${name} (${group})`;
    objects.append(members);
  }
}
objects.selectedIndex = 0;
objects.addEventListener("input", show);
byId("back").addEventListener("click", () => ask(visited.pop()));
byId("k").max = byId("k").value = data.k;
byId("k").addEventListener("input", show);
show();
