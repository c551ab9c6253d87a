const controls = { pair: byId("pair"), gamma: byId("gamma"), azimuth: byId("azimuth") };

function show() {
  const journey = data.journeys[controls.pair.value];
  const [i, j] = [Number(controls.gamma.value), Number(controls.azimuth.value)];
  const gamma = data.gammas[i];
  const degrees = Math.round(data.azimuths[j]);
  const where = `γ = ${gamma.toFixed(2)}, turned by ${degrees}°`;
  controls.gamma.setAttribute("aria-valuetext", `gamma ${gamma.toFixed(2)}`);
  controls.azimuth.setAttribute("aria-valuetext", `${degrees} degrees`);
  showPicture(byId("shown"), journey.frames, i * data.azimuths.length + j, `decoded from ${where}`);
  byId("where").textContent = where;
  for (const [k, side] of ["first", "second"].entries()) {
    showPicture(byId(side), journey.ends, k, `the NeRF of ${journey[side]}`);
    byId(`${side}-name`).textContent = journey[side];
  }
}

fill(controls.pair, data.journeys.map((journey, i) => [i, `${journey.first} to ${journey.second}`]));
controls.gamma.max = data.gammas.length - 1;
controls.gamma.value = Math.floor(data.gammas.length / 2);
controls.azimuth.max = data.azimuths.length - 1;
controls.azimuth.value = 0;
for (const control of Object.values(controls)) control.addEventListener("input", show);
show();
