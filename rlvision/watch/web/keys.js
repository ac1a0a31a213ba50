const BUTTONS = { ArrowUp: "UP", ArrowDown: "DOWN", ArrowLeft: "LEFT", ArrowRight: "RIGHT", " ": "FIRE" };

// Maps the keys held down to an action, or to null.
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
    // the action with the most buttons, of those whose buttons are all held
    const fits = this.names.map((buttons) => (buttons.every((button) => pressed.includes(button)) ? buttons.length : 0));
    const best = Math.max(...fits);
    return best ? fits.indexOf(best) : null;
  }

  // In a game without UP (Pong's paddle turns RIGHT and LEFT), up means right.
  button(name) {
    return this.hasUp ? name : { UP: "RIGHT", DOWN: "LEFT" }[name] ?? name;
  }

  // In a game whose actions have no names, left is the first action and right the last.
  unnamed(pressed) {
    if (pressed.includes("LEFT")) return 0;
    return pressed.includes("RIGHT") ? this.names.length - 1 : null;
  }
}

// The buttons in an Atari action's name: UPRIGHTFIRE is UP, RIGHT, FIRE.
function buttonsOf(name) {
  return /^(NOOP|FIRE|UP|DOWN|LEFT|RIGHT)+$/.test(name) ? name.match(/NOOP|FIRE|UP|DOWN|LEFT|RIGHT/g) : [];
}
