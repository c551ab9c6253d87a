const [classes, queries] = [byId("class"), byId("object")];

function card({ index, distance }, rank, wanted) {
  const { id, class_name } = data.objects[index];
  const right = class_name === wanted;
  const picture = make("div", "picture");
  showPicture(picture, data.pictures, index, `neighbour ${rank}: ${id}`);
  const verdict = make("div", "verdict", `${right ? "✓" : "✗"} ${class_name}`);
  return make("li", right ? "right" : "wrong", picture, verdict, `${rank}. ${id}`, make("div", "", distance.toFixed(2)));
}

function show() {
  const query = data.queries[queries.value];
  const { id, class_name } = data.objects[query.index];
  const k = Number(byId("k").value);
  const found = query.found.slice(0, k).map(([index, distance]) => ({ index, distance }));
  const n_right = found.filter(({ index }) => data.objects[index].class_name === class_name).length;
  showPicture(byId("query"), data.pictures, query.index, `query: ${id}`);
  byId("query-name").textContent = `${class_name}: ${id}`;
  byId("count").textContent = k;
  byId("score").textContent = `${n_right} of ${k} of the query's class (by chance ${(k * query.chance).toFixed(1)})`;
  byId("cards").replaceChildren(...found.map((one, i) => card(one, i + 1, class_name)));
}

function chooseClass() {
  const mine = [...data.queries.entries()].filter(([, query]) => data.objects[query.index].class_name === classes.value);
  fill(queries, mine.map(([i, query]) => [i, data.objects[query.index].id]));
  show();
}

const names = new Set(data.queries.map((query) => data.objects[query.index].class_name));
fill(classes, [...names].sort().map((name) => [name, name]));
byId("k").max = data.k;
byId("k").value = Math.min(5, data.k);
classes.addEventListener("input", chooseClass);
queries.addEventListener("input", show);
byId("k").addEventListener("input", show);
chooseClass();
