// The game's screen: the picture on one canvas, a saliency map on a second canvas above it.
class GameScreen {
  // dimming: how much a saliency map darkens the picture below it, from 0 to 1.
  constructor(picture, heat, dimming = 0) {
    this.picture = picture;
    this.heat = heat;
    this.dimming = dimming;
    this.part = null; // of the screen that the network sees: top, bottom, left, right; null: all
  }

  // Draw an image, or only the rows [top, top + height) of it.
  draw(image, top = 0, height = image.height) {
    if (this.picture.width !== image.width || this.picture.height !== height) this.resize(image.width, height);
    this.picture.getContext("2d").drawImage(image, 0, -top);
  }

  resize(width, height) {
    const scale = Math.max(1, Math.round(640 / height)); // the map is smooth, the picture is not
    [this.picture.width, this.picture.height] = [width, height];
    [this.heat.width, this.heat.height] = [width * scale, height * scale];
  }

  clearHeat() {
    this.heat.getContext("2d").clearRect(0, 0, this.heat.width, this.heat.height);
  }

  // Lay a saliency map [height, width], 0 to 255, over the part of the screen that it belongs to.
  layHeat(saliency, [height, width]) {
    this.clearHeat();
    const { width: w, height: h } = this.picture;
    const [top, bottom, left, right] = this.part && this.part[1] <= h && this.part[3] <= w ? this.part : [0, h, 0, w];
    const scale = this.heat.width / w;
    const context = this.heat.getContext("2d");
    context.fillStyle = `rgb(0 0 0 / ${this.dimming})`;
    context.fillRect(0, 0, this.heat.width, this.heat.height);
    context.imageSmoothingQuality = "high";
    const map = heatMap(saliency, height, width);
    context.drawImage(map, scale * left, scale * top, scale * (right - left), scale * (bottom - top));
  }
}

// A saliency map as a picture: transparent where it is 0, then violet, pink, white.
function heatMap(saliency, height, width) {
  const image = new ImageData(width, height);
  for (let i = 0; i < saliency.length; i++) {
    const heat = saliency[i] / 255, hot = Math.max(0, 2 * heat - 1), warm = Math.min(1, 2 * heat);
    image.data.set([110 + 145 * warm, 40 + 215 * hot, 255 - 40 * warm + 40 * hot, 225 * heat ** 0.8], 4 * i);
  }
  const canvas = scratchCanvas(width, height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
