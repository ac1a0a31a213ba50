// The numbers of the decision on the screen, and a bar for each Q-value.
class DecisionPanel {
  constructor(names) {
    this.names = names;
    this.rows = names.map((name, action) => qValueRow(name, action));
    element("q-values").replaceChildren(...this.rows.map(({ item }) => item));
  }

  // spread: the distance of a Q-value from the mean of all that fills half a lane.
  show({ score, lives, game, length, action, greedy, person, q }, spread) {
    text("score", number(score));
    text("lives", lives ?? "");
    element("lives-box").hidden = lives === null;
    text("number", game ?? "");
    element("number-box").hidden = game === undefined;
    text("length", length.toLocaleString("en"));
    text("action", this.names[action]);
    text("by", person ? "by hand" : action === greedy ? "" : "at random");
    this.drawBars(q, action, spread || 1);
  }

  drawBars(q, action, spread) {
    const distances = advantages(q), missing = q.some((value) => value !== null) ? "illegal" : "not finite";
    this.rows.forEach(({ item, bar, value }, place) => {
      const length = Math.max(-50, Math.min(50, (50 * distances[place]) / spread));
      bar.style.left = `${Math.min(50, 50 + length)}%`;
      bar.style.width = `${Math.abs(length)}%`;
      item.classList.toggle("up", length > 0);
      item.classList.toggle("chosen", place === action);
      value.textContent = q[place] === null ? missing : q[place].toFixed(3);
    });
  }
}

function qValueRow(label, action) {
  const item = document.createElement("li");
  const [name, lane, value, bar] = ["span", "span", "span", "i"].map((tag) => document.createElement(tag));
  [name.className, lane.className, value.className] = ["name", "lane", "number"];
  name.textContent = label;
  item.dataset.action = action;
  lane.append(bar);
  item.append(name, lane, value);
  return { item, bar, value };
}

// The distance of each Q-value from the mean of all; 0 where it is not finite.
function advantages(q) {
  const known = q.filter((value) => value !== null), mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  return q.map((value) => (value === null ? 0 : value - mean));
}
