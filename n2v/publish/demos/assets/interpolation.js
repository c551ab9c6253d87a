const controls = { pair: byId("pair"), gamma: byId("gamma"), azimuth: byId("azimuth") };

function show() {
  const walk = data.walks[controls.pair.value];
  const [i, j] = [Number(controls.gamma.value), Number(controls.azimuth.value)];
  const gamma = data.gammas[i];
  const degrees = Math.round(data.azimuths[j]);
  const where = `γ = ${gamma.toFixed(2)}, turned by ${degrees}°`;
  controls.gamma.setAttribute("aria-valuetext", `gamma ${gamma.toFixed(2)}`);
  controls.azimuth.setAttribute("aria-valuetext", `${degrees} degrees`);
  showPicture(byId("shown"), walk.frames, i * data.azimuths.length + j, `decoded from ${where}`);
  byId("where").textContent = where;
  for (const [k, side] of ["first", "second"].entries()) {
    showPicture(byId(side), walk.ends, k, `the NeRF of ${walk[side]}`);
    byId(`${side}-name`).textContent = walk[side];
  }
}

fill(controls.pair, data.walks.map((walk, i) => [i, `${walk.first} to ${walk.second}`]));
controls.gamma.max = data.gammas.length - 1;
controls.gamma.value = Math.floor(data.gammas.length / 2);
controls.azimuth.max = data.azimuths.length - 1;
controls.azimuth.value = 0;
for (const control of Object.values(controls)) control.addEventListener("input", show);
show();
