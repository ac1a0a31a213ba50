// The greatest Q-value of each decision, and a mark at the decision that is looked at.
class ValueCurve {
  // leastSpan: decisions that the width has room for, at least; onSeek: called with the index that is clicked.
  constructor(canvas, leastSpan, onSeek) {
    this.canvas = canvas;
    this.leastSpan = leastSpan;
    this.entries = []; // [index, value, game]
    this.place = null; // index that is looked at; null: the newest
    this.dirty = true;
    const redraw = () => { this.dirty = true; };
    new ResizeObserver(redraw).observe(canvas);
    onThemeChange(redraw);
    const tick = () => { if (this.dirty) this.draw(); requestAnimationFrame(tick); };
    requestAnimationFrame(tick);
    const seek = (event) => onSeek(this.indexAt(event.clientX));
    canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); seek(event); });
    canvas.addEventListener("pointermove", (event) => { if (event.buttons) seek(event); });
  }

  clear() {
    this.entries = [];
    this.dirty = true;
  }

  add(entries, oldest) {
    this.entries = this.entries.concat(entries).filter(([index]) => index >= oldest);
    this.dirty = true;
  }

  look(index) {
    this.place = index;
    this.dirty = true;
  }

  get oldest() { return this.entries.length ? this.entries[0][0] : 0; }
  get newest() { return this.entries.length ? this.entries[this.entries.length - 1][0] : 0; }
  get span() { return Math.max(this.leastSpan, this.newest - this.oldest + 1); }

  indexAt(clientX) {
    const box = this.canvas.getBoundingClientRect(), share = (clientX - box.left - 8) / (box.width - 66);
    return Math.min(Math.max(this.oldest + Math.round(share * (this.span - 1)), this.oldest), this.newest);
  }

  valueAt(index) {
    const entry = this.entries[index - this.oldest];
    return entry ? entry[1] : null;
  }

  draw() {
    this.dirty = false;
    const { canvas } = this, ratio = devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    [canvas.width, canvas.height] = [width * ratio, height * ratio];
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const known = this.entries.filter(([, value]) => value !== null);
    if (!known.length) return;
    const low = known.reduce((least, [, value]) => Math.min(least, value), Infinity);
    const high = known.reduce((greatest, [, value]) => Math.max(greatest, value), -Infinity);
    const x = (index) => 8 + ((width - 66) * (index - this.oldest)) / Math.max(1, this.span - 1);
    const y = (value) => (high === low ? height / 2 : 10 + ((height - 20) * (high - value)) / (high - low));
    this.drawGames(context, x, height);
    this.drawLine(context, known, x, y);
    this.drawPlace(context, x, y, height);
    context.fillStyle = color("--dim");
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "right";
    context.fillText(twoDigits(high), width - 8, 15);
    if (high !== low) context.fillText(twoDigits(low), width - 8, height - 7);
  }

  drawGames(context, x, height) {
    context.fillStyle = color("--line");
    this.entries.forEach(([index, , game], place) => {
      if (place && game !== this.entries[place - 1][2]) context.fillRect(Math.round(x(index - 0.5)), 0, 1, height);
    });
  }

  drawLine(context, known, x, y) {
    const line = new Path2D();
    known.forEach(([index, value, game], place) => {
      const isFirst = !place || game !== known[place - 1][2];
      isFirst ? line.moveTo(x(index), y(value)) : line.lineTo(x(index), y(value));
    });
    context.strokeStyle = color("--curve");
    context.lineWidth = 1.6;
    context.lineJoin = "round";
    context.stroke(line);
  }

  drawPlace(context, x, y, height) {
    const index = this.place ?? this.newest, value = this.valueAt(index);
    context.fillStyle = color(this.place === null ? "--curve" : "--bar");
    if (this.place !== null) context.fillRect(Math.round(x(index)), 0, 1.5, height);
    if (value === null) return;
    context.beginPath();
    context.arc(x(index), y(value), 3.5, 0, 2 * Math.PI);
    context.fill();
  }
}

// Two digits, and no minus before zero.
function twoDigits(value) {
  return (Math.abs(value) < 0.005 ? 0 : value).toFixed(2);
}
