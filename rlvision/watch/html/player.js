"use strict";

const game = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const decisions = game.actions.length, actions = game.names.length;
const firstShown = [0];  // of each decision, the number of its first screen
for (const shown of game.shown) firstShown.push(firstShown.at(-1) + shown);
const screens = firstShown.at(-1);
const picture = new Int32Array(screens);  // of each screen, its picture on the film
for (let screen = 0, last = -1; screen < screens; screen++) picture[screen] = last += game.fresh[screen] === "1";

const q = (decision) => game.q.slice(decision * actions, (decision + 1) * actions);
const values = Array.from({length: decisions}, (_, decision) => Math.max(...q(decision)));
const spread = spreadOfMost();

// What the bars are measured by: all but the fiftieth part of the decisions stay within them.
function spreadOfMost() {
  const spreads = Array.from({length: decisions}, (_, decision) => {
    const own = q(decision), mean = own.reduce((a, b) => a + b, 0) / actions;
    return Math.max(...own.map((value) => Math.abs(value - mean)));
  }).sort((a, b) => a - b);
  return spreads[Math.floor(0.98 * (decisions - 1))] || 1;
}

// A film is a list of strips; a few are kept developed.
class Film {
  constructor(film) { Object.assign(this, film); this.kept = new Map(); }
  strip(number) {
    if (!this.kept.has(number)) {
      const bytes = Uint8Array.from(atob(this.strips[number]), (letter) => letter.charCodeAt(0));
      const entry = {bitmap: null};
      entry.ready = createImageBitmap(new Blob([bytes], {type: "image/webp"})).then((made) => { entry.bitmap = made; });
      this.kept.set(number, entry);
      if (this.kept.size > 6) this.kept.delete(this.kept.keys().next().value);
    }
    return this.kept.get(number);
  }
  // Draws a picture if its strip is developed; else returns the promise of that.
  draw(context, number, x, y, width, height) {
    const index = Math.floor(number / this.perStrip), entry = this.strip(index);
    if (index + 1 < this.strips.length) this.strip(index + 1);
    if (!entry.bitmap) return entry.ready;
    const top = (number % this.perStrip) * this.height;
    context.drawImage(entry.bitmap, 0, top, this.width, this.height, x, y, width, height);
    return null;
  }
}

const film = new Film(game.screens), sights = new Film(game.sights);
const saliency = game.saliency && new Film(game.saliency);
const stage = at("game").getContext("2d");
const [tall, wide] = [game.screens.height, game.screens.width];
const enlarged = Math.max(1, Math.min(8, Math.floor(640 / Math.max(tall, wide))));
stage.canvas.width = wide * enlarged;
stage.canvas.height = tall * enlarged;

let screen = 0, decision = -1, playing = false, clock = 0, owed = 0;

function decisionOf(shown) {
  let low = 0, high = decisions - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (firstShown[middle] <= shown) low = middle; else high = middle - 1;
  }
  return low;
}

function show(wanted) {
  screen = Math.max(0, Math.min(screens - 1, wanted));
  const now = decisionOf(screen);
  drawScreen(now);
  if (now !== decision) { decision = now; drawPanel(); }
}

function drawScreen(now) {
  stage.imageSmoothingEnabled = false;
  const late = film.draw(stage, picture[screen], 0, 0, stage.canvas.width, stage.canvas.height);
  if (late) { late.then(() => show(screen)); return; }
  if (saliency && at("saliency").checked) drawHeat(now);
}

// The screen in the dark, and the map as warm light over the part of it that the network sees.
const heat = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
function drawHeat(now) {
  heat.canvas.width = saliency.width;
  heat.canvas.height = saliency.height;
  const late = saliency.draw(heat, now, 0, 0, saliency.width, saliency.height);
  if (late) { late.then(() => show(screen)); return; }
  const pixels = heat.getImageData(0, 0, saliency.width, saliency.height);
  for (let place = 0; place < pixels.data.length; place += 4) {
    const strength = pixels.data[place];
    pixels.data.set([255, Math.max(0, 1.6 * strength - 153), 0.4 * strength, 0.85 * strength], place);
  }
  heat.putImageData(pixels, 0, 0);
  const [top, bottom, left, right] = game.crop ?? [0, tall, 0, wide];
  stage.fillStyle = "rgba(0, 0, 0, 0.5)";
  stage.fillRect(0, 0, stage.canvas.width, stage.canvas.height);
  stage.imageSmoothingEnabled = true;
  stage.drawImage(heat.canvas, left * enlarged, top * enlarged, (right - left) * enlarged, (bottom - top) * enlarged);
}

const rows = game.names.map((name) => {
  const row = at("bars").insertRow();
  row.insertCell().textContent = name;
  const track = row.insertCell().appendChild(document.createElement("div"));
  track.className = "track";
  return {row, bar: track.appendChild(document.createElement("i")), number: row.insertCell()};
});

const tiles = Array.from({length: game.stack}, () => {
  const tile = document.createElement("canvas");
  [tile.width, tile.height] = [game.sights.width, game.sights.height];
  return at("sights").appendChild(tile).getContext("2d");
});

function drawPanel() {
  const own = q(decision), mean = own.reduce((a, b) => a + b, 0) / actions;
  at("score").textContent = game.scores[decision].toLocaleString("en");
  at("lives").textContent = game.lives[decision];
  at("action").textContent = game.names[game.actions[decision]];
  at("value").textContent = values[decision].toFixed(3);
  at("place").textContent = `${decision + 1} / ${decisions}`;
  at("slider").value = decision;
  rows.forEach(({row, bar, number}, action) => {
    const share = Math.max(-50, Math.min(50, (own[action] - mean) / spread * 50));
    row.className = action === game.actions[decision] ? "chosen" : "";
    bar.className = share > 0 ? "above" : "";
    bar.style.left = `${Math.min(50, 50 + share)}%`;
    bar.style.width = `${Math.abs(share)}%`;
    number.textContent = own[action].toFixed(3);
  });
  drawSights();
  drawCurve();
}

function drawSights() {
  tiles.forEach((tile, place) => {
    const seen = decision - (game.stack - 1 - place);
    tile.clearRect(0, 0, tile.canvas.width, tile.canvas.height);
    const late = seen >= 0 && sights.draw(tile, seen, 0, 0, tile.canvas.width, tile.canvas.height);
    if (late) late.then(drawSights);
  });
}

const curve = at("curve").getContext("2d");
function drawCurve() {
  const {canvas} = curve, ratio = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight], edge = 8;
  [canvas.width, canvas.height] = [width * ratio, height * ratio];
  curve.scale(ratio, ratio);
  const low = values.reduce((a, b) => Math.min(a, b)), high = values.reduce((a, b) => Math.max(a, b));
  const x = (index) => edge + index / Math.max(1, decisions - 1) * (width - 2 * edge);
  const y = (value) => high === low ? height / 2 : edge + (high - value) / (high - low) * (height - 2 * edge);
  curve.strokeStyle = style("--curve");
  curve.lineWidth = 1.5;
  curve.beginPath();
  values.forEach((value, index) => curve.lineTo(x(index), y(value)));
  curve.stroke();
  curve.fillStyle = style("--dim");
  curve.font = "11px system-ui, sans-serif";
  curve.fillText(high.toFixed(2), 4, 12);
  curve.fillText(low.toFixed(2), 4, height - 4);
  curve.strokeStyle = style("--dim");
  curve.lineWidth = 1;
  curve.beginPath();
  curve.moveTo(x(decision), 0);
  curve.lineTo(x(decision), height);
  curve.stroke();
  curve.fillStyle = style("--ink");
  curve.beginPath();
  curve.arc(x(decision), y(values[decision]), 3.5, 0, 2 * Math.PI);
  curve.fill();
}

function go(to) { show(firstShown[Math.max(0, Math.min(decisions - 1, to)) + 1] - 1); }  // a decision's last screen

function setPlaying(wish) {
  playing = wish;
  at("play").textContent = playing ? "Pause" : "Play";
  if (playing && screen === screens - 1) show(0);
  if (playing) { clock = performance.now(); owed = 0; requestAnimationFrame(tick); }
}

function tick(now) {
  if (!playing) return;
  owed += Math.min(now - clock, 250) / 1000 * game.fps * Number(at("speed").value);
  clock = now;
  if (owed >= 1) { show(screen + Math.floor(owed)); owed %= 1; }
  if (screen === screens - 1) setPlaying(false); else requestAnimationFrame(tick);
}

at("title").textContent = game.title;
at("note").textContent = [game.note, `seed ${game.seed}`, game.over ? "" : "cut short"].filter(Boolean).join(" · ");
at("slider").max = decisions - 1;
at("has-lives").hidden = game.lives[0] < 0;
at("heat").hidden = !saliency;
at("play").onclick = () => setPlaying(!playing);
at("back").onclick = () => { setPlaying(false); go(decision - 1); };
at("forth").onclick = () => { setPlaying(false); go(decision + 1); };
at("slider").oninput = (event) => { setPlaying(false); go(Number(event.target.value)); };
at("saliency").onchange = () => show(screen);
const scrub = (event) => {
  if (!event.buttons) return;
  setPlaying(false);
  go(Math.round((event.offsetX - 8) / (curve.canvas.clientWidth - 16) * (decisions - 1)));
};
curve.canvas.onpointerdown = curve.canvas.onpointermove = scrub;
document.onkeydown = (event) => {
  if (event.target.tagName === "SELECT" || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = {" ": "play", ArrowLeft: "back", ArrowRight: "forth"}[event.key];
  if (act) { event.preventDefault(); at(act).click(); }
};
addEventListener("resize", drawCurve);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawCurve);
const asked = Number(new URLSearchParams(location.hash.slice(1)).get("decision"));  // page.html#decision=120
if (location.hash.includes("saliency")) at("saliency").checked = true;
if (asked) go(asked - 1); else show(0);
