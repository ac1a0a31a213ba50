const EPSILONS = [0, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];

const app = {
  hello: null,
  status: { paused: false, person: "nobody", weights: null, speed: 1, epsilon: 0 },
  look: { index: null, maps: true, saliency: "occlusion", action: null },
  keyboard: null,
  touched: null, // the action whose row is held down
  sent: null, // the action last said to be held
};
const maps = new Maps(element("maps"));
const curve = new ValueCurve(element("curve"), 240, goTo); // a young history leaves room to grow
const screen = new GameScreen(element("picture"), element("heat")), stage = new Stage(screen, showStep);
const spread = { game: null, value: 0 }; // the largest distance of a Q-value from the mean, so far in this game
const stack = new FrameStack(element("stack"));
let panel;
const line = new Line(receive, showLine);
const order = (what) => line.send(what);

function receive({ header, blobs }) {
  const take = () => stage.take(header, blobs);
  ({ hello: begin, status: showStatus, step: take, trail: extend, inspection: reveal })[header.kind](header, blobs);
}

function begin(hello) {
  app.hello = hello;
  app.keyboard = new Keyboard(hello.actions);
  app.look.index = app.look.action = null;
  screen.part = hello.part;
  panel = new DecisionPanel(hello.names);
  stack.begin(hello.stack);
  showTitles(hello);
  curve.clear();
  curve.look(null);
  sendLook();
}

function showTitles({ title, run, names, stack: count }) {
  document.title = `${title} · ${run}`;
  text("title", title);
  text("run", run);
  text("stack-note", count > 1 ? "oldest first" : "");
  const options = names.map((name, action) => new Option(`of ${name}`, action));
  element("whose").replaceChildren(new Option("of the action taken", ""), ...options);
}

function extend({ entries, oldest }) {
  curve.add(entries, oldest);
  const scrub = element("scrub");
  [scrub.min, scrub.max] = [curve.oldest, curve.oldest + curve.span - 1]; // as wide as the curve
  if (app.look.index === null) scrub.value = curve.newest;
  else if (app.look.index < curve.oldest) goTo(curve.oldest);
}

function showStep(step, column) {
  document.body.dataset.index = step.index;
  const farthest = Math.max(...advantages(step.q).map(Math.abs));
  spread.value = Math.max(step.game === spread.game ? spread.value : 0, farthest);
  spread.game = step.game;
  panel.show(step, spread.value);
  const height = column.height / stack.count;
  for (let place = 0; place < stack.count; place++) stack.draw(place, column, place * height, height);
  const value = curve.valueAt(step.index);
  text("value", value === null ? "–" : value.toFixed(3));
  const ago = app.look.index === null ? 0 : curve.newest - app.look.index;
  text("when", app.look.index === null ? "" : `${ago.toLocaleString("en")} decisions ago`);
}

function reveal({ index, levels, saliency, shape, problem }, blobs) {
  text("saliency-note", problem ? `cannot be computed: ${problem}` : "");
  if (problem) return;
  if (app.look.maps) maps.show(levels, blobs);
  if (saliency !== "none" && saliency === app.look.saliency) stage.layHeat(blobs[blobs.length - 1], shape, index);
  document.body.dataset.inspection = index;
  const hasNone = app.look.maps && !levels.length;
  if (hasNone) element("maps").textContent = "This network has no convolutions.";
}

function showStatus(status) {
  app.status = status;
  const { paused, person, speed, epsilon, weights, notice, viewers } = status;
  text("weights", weights ? `weights of ${weights.env_steps.toLocaleString("en")} env steps (${weights.source})` : "");
  text("audience", viewers > 1 ? `${viewers} viewers` : "");
  text("pause", paused ? "Go on" : "Pause");
  element("pause").setAttribute("aria-pressed", paused);
  text("take", person === "you" ? "Give back" : "Take over");
  element("take").setAttribute("aria-pressed", person === "you");
  element("speed").max = app.hello.speeds.length - 1;
  element("speed").value = app.hello.speeds.indexOf(speed);
  text("speed-now", `${speed}×`);
  element("epsilon").value = EPSILONS.findLastIndex((value) => value <= epsilon);
  text("epsilon-now", epsilon);
  element("notice").hidden = !notice;
  text("notice", notice ? `The newest weights could not be loaded: ${notice}` : "");
  showMode();
}

function showLine(state, reason) {
  document.body.dataset.line = state;
  app.sent = null;
  showMode(reason);
}

function showMode(reason = "") {
  const { paused, person, weights } = app.status;
  const isLost = document.body.dataset.line === "lost";
  const mode = isLost ? "lost" : !weights ? "waiting" : app.look.index !== null ? "past"
    : person !== "nobody" ? person : paused ? "paused" : "live";
  const names = { lost: "connection lost", waiting: "waiting", past: "looking back", you: paused ? "you play, paused" : "you play",
    somebody: "somebody plays", paused: "paused", live: "live" };
  document.body.dataset.mode = mode;
  document.body.dataset.paused = paused;
  text("mode", names[mode]);
  element("live").disabled = app.look.index === null;
  const veil = { lost: `Connection lost${reason ? ` (${reason})` : ""}. Trying again …`,
    waiting: "This run has no checkpoint yet. The game begins as soon as there is one." }[mode];
  element("veil").hidden = !veil;
  text("veil", veil ?? "");
  text("hint", mode === "you" ? "arrows, space, digits or a row; paused: one decision each"
    : "space pause · s step · n next · t take over · ← → look back");
}

// Looking

function goTo(index) {
  app.look.index = index;
  curve.look(index);
  if (index !== null) element("scrub").value = index;
  if (index === null) element("scrub").value = curve.newest;
  sendLook();
  showMode();
}

function sendLook() {
  order({ do: "inspect", ...app.look });
  if (app.look.saliency === "none") stage.clearHeat();
  if (!app.look.maps) maps.clear();
}

function scrubBy(decisions) {
  const from = app.look.index ?? curve.newest, to = Math.max(from + decisions, curve.oldest);
  goTo(to >= curve.newest && decisions > 0 ? null : to);
}

element("scrub").addEventListener("input", (event) => {
  const index = Number(event.target.value);
  goTo(index < curve.newest ? index : null);
});
element("live").addEventListener("click", () => goTo(null));
element("saliency").addEventListener("change", (event) => { app.look.saliency = event.target.value; sendLook(); });
element("whose").addEventListener("change", (event) => {
  app.look.action = event.target.value === "" ? null : Number(event.target.value);
  sendLook();
});
element("maps-on").addEventListener("change", (event) => { app.look.maps = event.target.checked; sendLook(); });

// Steering

const pause = () => order({ do: "pause", on: !app.status.paused });
const step = () => order({ do: "step", action: app.status.person === "you" ? heldAction() : null });
const next = () => order({ do: "next" });
const takeOrGive = () => { goTo(null); order({ do: app.status.person === "you" ? "release" : "take" }); app.sent = null; };
const faster = (by) => {
  const speedIndex = app.hello.speeds.indexOf(app.status.speed) + by;
  if (speedIndex in app.hello.speeds) order({ do: "speed", value: app.hello.speeds[speedIndex] });
};

element("pause").addEventListener("click", pause);
element("step").addEventListener("click", step);
element("next").addEventListener("click", next);
element("take").addEventListener("click", takeOrGive);
element("speed").addEventListener("input", (event) => order({ do: "speed", value: app.hello.speeds[event.target.value] }));
element("epsilon").addEventListener("input", (event) => order({ do: "epsilon", value: EPSILONS[event.target.value] }));

const heldAction = () => app.touched ?? app.keyboard.action();

// Send the action held down; in a paused game, each press is one decision.
function hold(isPress) {
  const action = heldAction();
  element("q-values").querySelectorAll("li").forEach((item, place) => item.classList.toggle("held", place === action));
  if (action !== app.sent) order({ do: "hold", action });
  app.sent = action;
  if (app.status.paused && isPress && action !== null) order({ do: "step", action });
}

element("q-values").addEventListener("pointerdown", (event) => {
  const item = event.target.closest("li");
  if (!item || app.status.person !== "you") return;
  app.touched = Number(item.dataset.action);
  hold(true);
});
addEventListener("pointerup", () => {
  release();
  if (document.activeElement.matches("button, input[type=range]")) document.activeElement.blur(); // keys are for the game
});
addEventListener("pointercancel", release);
addEventListener("blur", () => { app.keyboard?.held.clear(); release(); });

function release() {
  app.touched = null;
  if (app.status.person === "you") hold(false);
}

const COMMANDS = {
  " ": pause, p: pause, s: step, n: next, t: takeOrGive, l: () => goTo(null), "+": () => faster(1), "=": () => faster(1),
  "-": () => faster(-1), ArrowLeft: () => scrubBy(-1), ArrowRight: () => scrubBy(1),
};

addEventListener("keydown", (event) => {
  if (!app.keyboard || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select")) return;
  const isYou = app.status.person === "you";
  const { key } = event;
  if (!isYou && event.target.matches("button, input") && (key === " " || key.startsWith("Arrow"))) return;
  if (isYou && app.keyboard.isPlayed(key)) {
    event.preventDefault();
    app.keyboard.held.add(key);
    if (!event.repeat) hold(true);
  } else if (key === "Escape") {
    isYou ? takeOrGive() : goTo(null);
  } else if (COMMANDS[key]) {
    event.preventDefault();
    COMMANDS[key]();
  }
});
addEventListener("keyup", (event) => {
  if (!app.keyboard?.held.delete(event.key)) return;
  if (app.status.person === "you") {
    event.preventDefault(); // a focused button would take space for a click
    hold(false);
  }
});
