// The game: plays the pictures of each moment at their own pace, and lays the saliency over them.
class Stage {
  constructor(picture, heat, onMoment) {
    this.picture = picture;
    this.heat = heat;
    this.onMoment = onMoment;
    this.queue = [];
    this.now = null; // the moment on the screen: { header, bitmaps, stack, shown, since }
    this.heatOf = null; // the index of the decision that the heat is of
    this.part = null; // of the screen that the network sees: top, bottom, left, right
    this.arriving = Promise.resolve();
    const tick = (time) => { this.tick(time); requestAnimationFrame(tick); };
    requestAnimationFrame(tick);
  }

  // Take a moment; pictures are decoded one moment after the other, so that none overtakes another.
  take(header, blobs) {
    const bitmaps = Promise.all(blobs.map((blob) => createImageBitmap(new Blob([blob], { type: "image/png" }))));
    this.arriving = this.arriving.then(() => bitmaps).then((decoded) => {
      const stack = decoded.pop();
      if (!header.live) this.queue = [];
      this.queue.push({ header, bitmaps: decoded, stack, shown: -1 });
      if (document.hidden) this.tick(performance.now()); // nobody looks: only the newest counts
    });
  }

  tick(time) {
    while (this.queue.length > 3) this.queue.shift(); // too late to be shown
    if (this.queue.length && (!this.now || this.isOver(time) || !this.queue[0].header.live)) this.begin(time);
    if (this.now) this.draw(time);
  }

  begin(time) {
    this.now = this.queue.shift();
    this.now.since = time;
    if (!this.now.header.live) this.now.shown = this.now.bitmaps.length - 2; // the past stands still
    this.fade();
    this.onMoment(this.now.header, this.now.stack);
  }

  isOver(time) {
    return time - this.now.since >= 1000 * this.now.header.seconds - 8; // half a frame of a screen
  }

  draw(time) {
    const { header, bitmaps, since, shown } = this.now;
    const due = Math.floor(((time - since) / 1000 / header.seconds) * bitmaps.length);
    const place = Math.min(Math.max(due, shown, header.live ? 0 : bitmaps.length - 1), bitmaps.length - 1);
    if (place === shown) return;
    this.now.shown = place;
    const bitmap = bitmaps[place];
    if (this.picture.width !== bitmap.width || this.picture.height !== bitmap.height) this.resize(bitmap);
    this.picture.getContext("2d").drawImage(bitmap, 0, 0);
  }

  resize(bitmap) {
    const scale = Math.max(1, Math.round(640 / bitmap.height)); // the heat is smooth, the picture is not
    [this.picture.width, this.picture.height] = [bitmap.width, bitmap.height];
    [this.heat.width, this.heat.height] = [bitmap.width * scale, bitmap.height * scale];
  }

  // A saliency that comes late fades as the game goes on.
  fade() {
    const late = this.heatOf === null || !this.now ? 0 : Math.abs(this.now.header.index - this.heatOf);
    this.heat.style.opacity = Math.max(0, 1 - Math.max(0, late - 2) / 8);
  }

  clearHeat() {
    this.heatOf = null;
    this.heat.getContext("2d").clearRect(0, 0, this.heat.width, this.heat.height);
  }

  // Lay a saliency [height, width], 0 to 255, over the part of the screen that it is of: violet, pink, white.
  lay(saliency, [height, width], index) {
    this.clearHeat();
    this.heatOf = index;
    this.fade();
    const small = new OffscreenCanvas(width, height);
    const image = new ImageData(width, height);
    for (let i = 0; i < saliency.length; i++) {
      const heat = saliency[i] / 255, hot = Math.max(0, 2 * heat - 1), warm = Math.min(1, 2 * heat);
      image.data.set([110 + 145 * warm, 40 + 215 * hot, 255 - 40 * warm + 40 * hot, 225 * heat ** 0.8], 4 * i);
    }
    small.getContext("2d").putImageData(image, 0, 0);
    const { width: w, height: h } = this.picture;
    const [top, bottom, left, right] = this.part && this.part[1] <= h && this.part[3] <= w ? this.part : [0, h, 0, w];
    const scale = this.heat.width / w;
    const context = this.heat.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(small, scale * left, scale * top, scale * (right - left), scale * (bottom - top));
  }
}
