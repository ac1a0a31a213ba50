// The numbers of the decision that is on the screen.
class Panels {
  constructor() {
    this.spread = 0;
    this.game = null;
    this.rows = [];
    new ResizeObserver(() => this.stack && this.tile()).observe(element("stack"));
  }

  begin({ title, run, actions, stack }) {
    document.title = `${title} · ${run}`;
    text("title", title);
    text("run", run);
    this.actions = actions.map(spoken);
    this.stack = stack;
    this.rows = actions.map((_, action) => this.row(action));
    element("q-values").replaceChildren(...this.rows.map(({ item }) => item));
    const whose = this.actions.map((name, action) => new Option(`of ${name}`, action));
    element("whose").replaceChildren(new Option("of the action taken", ""), ...whose);
    text("stack-note", stack > 1 ? "oldest first" : "");
    element("stack").replaceChildren(...Array.from({ length: stack }, () => document.createElement("canvas")));
    this.tile();
  }

  // Lay the frames of the stack out in as many columns as makes them largest.
  tile() {
    const box = element("stack"), { clientWidth: width, clientHeight: height } = box;
    const [frame] = box.children, shape = frame ? frame.height / frame.width : 1;
    const side = (columns) => {
      const rows = Math.ceil(this.stack / columns);
      return Math.min((width - 6 * (columns - 1)) / columns, (height - 6 * (rows - 1)) / rows / shape);
    };
    const counts = Array.from({ length: this.stack }, (_, place) => this.stack - place).filter((n) => this.stack % n === 0);
    const best = counts.reduce((one, other) => (side(other) > side(one) ? other : one));
    box.style.gridTemplateColumns = `repeat(${best}, ${Math.max(40, Math.floor(side(best)))}px)`;
  }

  row(action) {
    const item = document.createElement("li");
    const [name, lane, number, bar] = ["span", "span", "span", "i"].map((tag) => document.createElement(tag));
    [name.className, lane.className, number.className] = ["name", "lane", "number"];
    name.textContent = this.actions[action];
    item.dataset.action = action;
    lane.append(bar);
    item.append(name, lane, number);
    return { item, bar, number };
  }

  show(moment, stack) {
    text("score", number(moment.score));
    text("lives", moment.lives ?? "");
    element("lives-box").hidden = moment.lives === null;
    text("number", moment.game);
    text("length", moment.length.toLocaleString("en"));
    text("action", this.actions[moment.action]);
    text("by", moment.person ? "by hand" : moment.action === moment.greedy ? "" : "at random");
    this.drawBars(moment);
    this.drawStack(stack);
  }

  drawBars({ q, action, game }) {
    const known = q.filter((value) => value !== null), mean = known.reduce((sum, value) => sum + value, 0) / known.length;
    const advantages = q.map((value) => (value === null ? 0 : value - mean));
    this.spread = Math.max(game === this.game ? this.spread : 0, ...advantages.map(Math.abs));
    this.game = game;
    this.rows.forEach(({ item, bar, number }, place) => {
      const length = 50 * (advantages[place] / (this.spread || 1));
      bar.style.left = `${Math.min(50, 50 + length)}%`;
      bar.style.width = `${Math.abs(length)}%`;
      item.classList.toggle("up", length > 0);
      item.classList.toggle("chosen", place === action);
      number.textContent = q[place] === null ? "not finite" : q[place].toFixed(3);
    });
  }

  drawStack(column) {
    const height = column.height / this.stack, isNew = element("stack").firstChild.height !== height;
    [...element("stack").children].forEach((canvas, place) => {
      [canvas.width, canvas.height] = [column.width, height];
      canvas.getContext("2d").drawImage(column, 0, -place * height);
    });
    if (isNew) this.tile();
  }
}

function element(id) {
  return document.getElementById(id);
}

function text(id, content) {
  element(id).textContent = content;
}

function number(value) {
  return value === null ? "not finite" : value.toLocaleString("en", { maximumFractionDigits: 1 });
}

// An action's name as people say it: UPRIGHTFIRE is "up right fire".
function spoken(name) {
  const buttons = buttonsOf(name);
  return buttons.length ? buttons.join(" ") : name.replaceAll("_", " ");
}

// What Atari's names of actions are made of.
function buttonsOf(name) {
  return /^(NOOP|FIRE|UP|DOWN|LEFT|RIGHT)+$/.test(name) ? name.match(/NOOP|FIRE|UP|DOWN|LEFT|RIGHT/g) : [];
}
