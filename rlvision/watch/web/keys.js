const BUTTONS = { ArrowUp: "UP", ArrowDown: "DOWN", ArrowLeft: "LEFT", ArrowRight: "RIGHT", " ": "FIRE" };

// Which action the keys held mean, or null for none.
class Keyboard {
  constructor(actions) {
    this.held = new Set(); // keys
    this.names = actions.map((name) => (buttonsOf(name).length ? buttonsOf(name) : name.toUpperCase().split(/[^A-Z0-9]+/)));
    this.hasUp = this.names.some((buttons) => buttons.includes("UP"));
    this.isNamed = this.names.some((buttons) => buttons.includes("LEFT") || buttons.includes("UP"));
  }

  isPlayed(key) {
    return key in BUTTONS || /^[0-9]$/.test(key);
  }

  action() {
    const digit = [...this.held].find((key) => /^[0-9]$/.test(key));
    if (digit !== undefined) return Number(digit) < this.names.length ? Number(digit) : null;
    const pressed = [...this.held].filter((key) => key in BUTTONS).map((key) => this.button(BUTTONS[key]));
    if (!this.isNamed) return this.unnamed(pressed);
    // the action with most of the buttons that are held, and no other
    const fits = this.names.map((buttons) => (buttons.every((button) => pressed.includes(button)) ? buttons.length : 0));
    const best = Math.max(...fits);
    return best ? fits.indexOf(best) : null;
  }

  // In a game that knows no up (Pong's paddle turns right and left), up and right are the same.
  button(name) {
    return this.hasUp ? name : { UP: "RIGHT", DOWN: "LEFT" }[name] ?? name;
  }

  // Actions that are only numbers: left is the first, right the last.
  unnamed(pressed) {
    if (pressed.includes("LEFT")) return 0;
    return pressed.includes("RIGHT") ? this.names.length - 1 : null;
  }
}
