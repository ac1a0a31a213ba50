// The feature maps of each level, drawn as one picture of tiles.
class Maps {
  constructor(box) {
    this.box = box;
    this.figures = new Map();
    this.last = null;
    onThemeChange(() => this.last && this.show(...this.last));
  }

  clear() {
    this.box.replaceChildren();
    this.figures.clear();
    this.last = null;
  }

  // Show levels { name, shape: [maps, rows, columns], of } and their values, -127 to 127.
  show(levels, blobs) {
    if (levels.length !== this.figures.size || levels.some(({ name }) => !this.figures.has(name))) this.build(levels);
    this.last = [levels, blobs];
    levels.forEach((level, place) => this.drawLevel(level, new Int8Array(blobs[place].slice().buffer)));
  }

  build(levels) {
    this.clear();
    for (const { name, shape, of } of levels) {
      const figure = document.createElement("figure"), caption = document.createElement("figcaption");
      const canvas = document.createElement("canvas"), bold = document.createElement("b");
      bold.textContent = name;
      const [maps, rows, columns] = shape;
      caption.append(bold, `  ${maps < of ? `${maps} of ${of}` : of} maps, ${columns}×${rows}`);
      figure.append(caption, canvas);
      this.box.append(figure);
      this.figures.set(name, canvas);
    }
  }

  drawLevel({ name, shape: [maps, rows, columns] }, values) {
    const canvas = this.figures.get(name), across = 8;
    const scale = Math.max(1, Math.floor(48 / columns)), gap = 2;
    const width = columns * scale + gap, height = rows * scale + gap;
    const tile = new ImageData(columns, rows), small = scratchCanvas(columns, rows);
    [canvas.width, canvas.height] = [across * width - gap, Math.ceil(maps / across) * height - gap];
    const context = canvas.getContext("2d"), ramp = shades();
    context.imageSmoothingEnabled = false;
    for (let map = 0; map < maps; map++) {
      const start = map * rows * columns;
      for (let i = 0; i < rows * columns; i++) tile.data.set(ramp[values[start + i] + 128], 4 * i);
      small.getContext("2d").putImageData(tile, 0, 0);
      const left = (map % across) * width, top = Math.floor(map / across) * height;
      context.drawImage(small, left, top, columns * scale, rows * scale);
    }
  }
}

// The colours of -128 to 127: from the background to blue above 0, to red below.
function shades() {
  const theme = color("--well");
  if (shades.theme !== theme) {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const ground = dark ? [11, 12, 16] : [230, 232, 238], up = dark ? [139, 199, 255] : [10, 72, 170], down = [220, 80, 70];
    const mix = (end, share) => [...ground.map((part, i) => part + (end[i] - part) * share), 255];
    shades.ramp = Array.from({ length: 256 }, (_, i) => mix(i < 128 ? down : up, (Math.abs(i - 128) / 127) ** 0.55));
    shades.theme = theme;
  }
  return shades.ramp;
}
