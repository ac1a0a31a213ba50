// Many small pictures as a few tall ones (see film_strip.py), a few of which are kept decoded.
class SpriteSheet {
  constructor({ height, width, perStrip, strips }) {
    Object.assign(this, { height, width, perStrip, strips });
    this.kept = new Map();
  }

  strip(number) {
    if (!this.kept.has(number)) {
      const bytes = Uint8Array.from(atob(this.strips[number]), (letter) => letter.charCodeAt(0));
      const entry = { bitmap: null };
      entry.ready = createImageBitmap(new Blob([bytes], { type: "image/webp" })).then((made) => { entry.bitmap = made; });
      this.kept.set(number, entry);
      if (this.kept.size > 6) this.kept.delete(this.kept.keys().next().value);
    }
    return this.kept.get(number);
  }

  // Call draw(strip, top) with the picture's strip and its first row in it; if the strip is not decoded yet, call
  // later() once it is.
  show(number, draw, later) {
    const index = Math.floor(number / this.perStrip), { bitmap, ready } = this.strip(index);
    if (index + 1 < this.strips.length) this.strip(index + 1);
    if (bitmap) draw(bitmap, (number % this.perStrip) * this.height);
    else ready.then(later);
  }
}

const game = JSON.parse(element("data").textContent);
const decisions = game.actions.length, actions = game.names.length;
const firstShown = [0]; // of each decision, the number of its first screen
for (const shown of game.shown) firstShown.push(firstShown.at(-1) + shown);
const screens = firstShown.at(-1);
const pictureOf = new Int32Array(screens); // of each screen, its picture on the sprite sheet
for (let shown = 0, last = -1; shown < screens; shown++) pictureOf[shown] = last += game.fresh[shown] === "1";

const qValues = (decision) => game.q.slice(decision * actions, (decision + 1) * actions);
const values = Array.from({ length: decisions }, (_, decision) => Math.max(...qValues(decision).filter((q) => q !== null)));
const spread = spreadOfMost();

// The distance from the mean within which the Q-values of 98 % of the decisions lie.
function spreadOfMost() {
  const spreads = values.map((_, decision) => Math.max(...advantages(qValues(decision)).map(Math.abs)));
  return spreads.sort((a, b) => a - b)[Math.floor(0.98 * (decisions - 1))];
}

const spriteSheet = new SpriteSheet(game.screens), inputs = new SpriteSheet(game.inputs);
const saliency = game.saliency && new SpriteSheet(game.saliency);
const stage = new GameScreen(element("picture"), element("heat"), 0.5);
const panel = new DecisionPanel(game.names);
const stack = new FrameStack(element("stack"));
const curve = new ValueCurve(element("curve"), 1, (index) => { setPlaying(false); go(index); });
let screen = 0, decision = -1, playing = false, clock = 0, framesDue = 0;

// Binary search for the decision whose screens the given one belongs to.
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
  const now = decisionOf(screen), again = () => show(screen), isNew = now !== decision;
  decision = now;
  spriteSheet.show(pictureOf[screen], (strip, top) => stage.draw(strip, top, spriteSheet.height), again);
  if (isNew) drawDecision();
  if (isNew) drawHeat();
}

function drawHeat() {
  if (!saliency || !element("saliency").checked) { stage.clearHeat(); return; }
  saliency.show(decision, (strip, top) => {
    const { width, height } = saliency, context = scratchCanvas(width, height).getContext("2d");
    context.drawImage(strip, 0, -top);
    const { data } = context.getImageData(0, 0, width, height);
    stage.layHeat(data.filter((_, place) => place % 4 === 0), [height, width]); // gray: red is all
  }, drawHeat);
}

function drawDecision() {
  const q = qValues(decision), action = game.actions[decision], lives = game.lives[decision];
  const facts = { score: game.scores[decision], lives: lives < 0 ? null : lives, length: decision + 1, action, q };
  panel.show({ ...facts, greedy: q[action] === values[decision] ? action : null }, spread);
  text("value", values[decision].toFixed(3));
  text("place", `${decision + 1} / ${decisions}`);
  element("scrub").value = decision;
  curve.look(decision);
  drawStack();
}

function drawStack() {
  for (let place = 0; place < game.stack; place++) {
    const seen = decision - (game.stack - 1 - place);
    if (seen < 0) stack.clear(place);
    else inputs.show(seen, (strip, top) => stack.draw(place, strip, top, inputs.height), drawStack);
  }
}

function go(to) { show(firstShown[Math.max(0, Math.min(decisions - 1, to)) + 1] - 1); } // a decision's last screen

function setPlaying(wish) {
  playing = wish;
  text("play", playing ? "Pause" : "Play");
  if (playing && screen === screens - 1) show(0);
  if (playing) { clock = performance.now(); framesDue = 0; requestAnimationFrame(tick); }
}

function tick(now) {
  if (!playing) return;
  framesDue += Math.min(now - clock, 250) / 1000 * game.fps * Number(element("speed").value);
  clock = now;
  if (framesDue >= 1) { show(screen + Math.floor(framesDue)); framesDue %= 1; }
  if (screen === screens - 1) setPlaying(false); else requestAnimationFrame(tick);
}

stack.begin(game.stack);
stage.part = game.crop;
stage.resize(spriteSheet.width, spriteSheet.height);
curve.add(values.map((value, index) => [index, value, 1]), 0);
text("title", game.title);
text("note", [game.note, `seed ${game.seed}`, game.over ? "" : "cut short"].filter(Boolean).join(" · "));
text("stack-note", game.stack > 1 ? "oldest first" : "");
element("scrub").max = decisions - 1;
element("with-saliency").hidden = !saliency;
element("play").onclick = () => setPlaying(!playing);
element("back").onclick = () => { setPlaying(false); go(decision - 1); };
element("forth").onclick = () => { setPlaying(false); go(decision + 1); };
element("scrub").oninput = (event) => { setPlaying(false); go(Number(event.target.value)); };
element("saliency").onchange = drawHeat;
document.onkeydown = (event) => {
  if (event.target.tagName === "SELECT" || event.ctrlKey || event.metaKey || event.altKey) return;
  const button = { " ": "play", ArrowLeft: "back", ArrowRight: "forth" }[event.key];
  if (button) { event.preventDefault(); element(button).click(); }
};
const asked = Number(new URLSearchParams(location.hash.slice(1)).get("decision")); // page.html#decision=120
if (location.hash.includes("saliency")) element("saliency").checked = true;
if (asked) go(asked - 1); else show(0);
